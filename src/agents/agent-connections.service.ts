// Ties each agent's connection to the rest of the control plane: hosts, reports, desired state, log streams.
import type { HostId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { AgentLink, type LinkPorts } from './agent-link.service.js';
import { HostLinks } from './host-links.service.js';
import { HostPresence } from './host-presence.service.js';
import { ReportIntake } from './report-intake.service.js';
import { StreamRelay } from './stream-relay.service.js';

@Injectable()
export class AgentConnections {
  private readonly ports: LinkPorts;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(LOGGER) logger: Logger,
    @Inject(HostPresence) presence: HostPresence,
    @Inject(ReportIntake) intake: ReportIntake,
    @Inject(HostLinks) links: HostLinks,
    @Inject(StreamRelay) relay: StreamRelay,
  ) {
    this.ports = {
      logger,
      heartbeatMs: config.heartbeatMs,
      usageIntervalMs: config.usageIntervalMs,
      silenceMs: config.hostUnreachableAfterMs,
      activate: (hello) => presence.arrived(hello),
      submit: (submission) => intake.submit(submission),
      epoch: () => links.epoch,
      heard: (hostId) => presence.heard(hostId),
      diskPressureChanged: (hostId, pressure) => presence.diskPressureChanged(hostId, pressure),
      interrupted: (hostId, interruption) => presence.interrupted(hostId, interruption),
      volumesRemoved: (hostId, volumeIds) => presence.volumesRemoved(hostId, volumeIds),
      streamFailed: (hostId, streamId, reason) => relay.failed({ hostId, streamId, reason }),
      greeted: (link) => links.add(link),
      closed: (link) => links.remove(link),
    };
  }

  /** @param hostId whose certificate the socket was opened with. */
  open(socket: WebSocket, hostId: HostId): void {
    new AgentLink(socket, hostId, this.ports);
  }
}
