// The control plane's side of the host agents: how a machine becomes a host, what it is told, what it reports.
import { Module } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { IdentityModule } from '../identity/identity.module.js';
import { LogsModule } from '../logs/logs.module.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { AgentConnections } from './agent-connections.service.js';
import { DesiredSync } from './desired-sync.service.js';
import { Enrolment } from './enrolment.service.js';
import { Gateway } from './gateway.service.js';
import { GatewayHttp } from './gateway-http.service.js';
import { GuestRequests } from './guest-requests.service.js';
import { HostJoin } from './host-join.service.js';
import { HostLinks } from './host-links.service.js';
import { HostPresence } from './host-presence.service.js';
import { HostSoftware } from './host-software.service.js';
import { HostsController } from './hosts.controller.js';
import { HostsService } from './hosts.service.js';
import { Authority } from './pki.service.js';
import { RemovedHosts } from './removed-hosts.service.js';
import { ReportIntake } from './report-intake.service.js';
import { StreamRelay } from './stream-relay.service.js';

@Module({
  imports: [IdentityModule, LogsModule, SecretsModule],
  controllers: [HostsController],
  providers: [
    { provide: Authority, inject: [CONFIG], useFactory: (config: Config) => Authority.open(config.pkiDir) },
    Enrolment,
    HostsService,
    HostJoin,
    HostSoftware,
    HostLinks,
    HostPresence,
    RemovedHosts,
    ReportIntake,
    StreamRelay,
    DesiredSync,
    AgentConnections,
    GuestRequests,
    GatewayHttp,
    Gateway,
  ],
  exports: [Authority, HostLinks, HostsService],
})
export class AgentsModule {}
