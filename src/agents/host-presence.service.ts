// Notes which hosts are there: at their hello all they say of themselves, then that they were heard. Heartbeats are one
// statement a second for all hosts, on a connection of its own, so that a busy pool never looks like dead hosts.
import type { Hello, HostId, Interruption } from '@berth/contract';
import { type BeforeApplicationShutdown, Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import pg from 'pg';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { noteHostNetwork, type SubnetPlan } from '../network/host-network.store.js';
import { noteRemoved } from '../volumes/volume-removal.store.js';
import { HostLinks } from './host-links.service.js';
import { activateHost, noteDiskPressure, noteInterruption, touchHosts } from './hosts.store.js';

const flushMs = 1_000;
const reconnectAfterMs = 500;

@Injectable()
export class HostPresence implements OnModuleInit, BeforeApplicationShutdown {
  private heardHosts = new Set<HostId>();
  private readonly subnets: SubnetPlan;
  private readonly lane: pg.Pool;
  private timer: NodeJS.Timeout | null = null;
  private flushing: Promise<void> | null = null;

  constructor(
    @Inject(CONFIG) config: Pick<Config, 'databaseUrl' | 'network'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(HostLinks) private readonly links: HostLinks,
  ) {
    this.subnets = { taskNetwork: config.network.taskNetwork, hostPrefix: config.network.hostPrefix };
    this.lane = new pg.Pool({
      connectionString: config.databaseUrl,
      application_name: 'berth-heartbeats',
      max: 1,
      idleTimeoutMillis: 0,
      connectionTimeoutMillis: 5_000,
      statement_timeout: 5_000,
    });
    this.lane.on('error', (err) => this.logger.warn({ err }, 'the heartbeats’ connection broke'));
  }

  onModuleInit(): void {
    this.timer = setInterval(() => this.flush(), flushMs);
  }

  /** A host has connected and can take tasks. @returns false if there is no such host. */
  async arrived({ hostId, name, bootId, capacity, attributes, agentVersion, diskPressure, network }: Hello): Promise<boolean> {
    const facts = { name, bootId, capacity, diskPressure, attributes: { ...attributes, agentVersion } };
    if (!(await activateHost(this.db, hostId, facts))) return false;
    if (!(await noteHostNetwork(this.db, hostId, network ?? null, this.subnets)))
      this.logger.error(
        { hostId, ...this.subnets },
        'no subnet is left for this host: its tasks reach no other host’s. Enlarge BERTH_TASK_NETWORK',
      );
    this.logger.info({ hostId, name, agentVersion }, 'host connected');
    this.signals.send('pending', null);
    if (network) this.signals.send('network', null);
    return true;
  }

  /** A host's disk has become too full for new tasks, or has room again (null). */
  async diskPressureChanged(hostId: HostId, pressure: string | null): Promise<void> {
    await noteDiskPressure(this.db, hostId, pressure);
    this.logger[pressure === null ? 'info' : 'warn']({ hostId, pressure }, 'a host’s disk pressure has changed');
    this.signals.send('pending', null);
  }

  /** The machine's owner takes it back. Whoever drains hosts sees it there. */
  async interrupted(hostId: HostId, interruption: Interruption): Promise<void> {
    if (!(await noteInterruption(this.db, hostId, interruption))) return;
    this.logger.warn({ hostId, interruption }, 'a host is taken back by its owner');
    this.signals.send('hosts', [hostId]);
  }

  /** Deleted volumes are gone from a host. If that can't be noted the host is told of them again. */
  volumesRemoved(hostId: HostId, volumeIds: readonly string[]): void {
    noteRemoved(this.db, hostId, volumeIds).then(
      () => this.signals.send('pending', null),
      (err) => this.logger.warn({ err, hostId }, 'it could not be noted that volumes were removed'),
    );
  }

  heard(hostId: HostId): void {
    this.heardHosts.add(hostId);
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.flushing;
    await this.lane.end();
  }

  private flush(): void {
    if (this.heardHosts.size === 0) return;
    this.flushing ??= this.write()
      .catch((err) => this.logger.warn({ err }, 'heartbeats could not be noted'))
      .finally(() => {
        this.flushing = null;
      });
  }

  private async write(): Promise<void> {
    const hostIds = [...this.heardHosts];
    this.heardHosts = new Set();
    const { recovered, lost } = await touchHosts(this.lane, hostIds);
    if (recovered.length > 0) {
      this.logger.info({ hostIds: recovered }, 'hosts are heard again');
      this.signals.send('pending', null);
    }
    for (const hostId of lost) this.links.of(hostId)?.goodbye('this host was given up as lost: connect anew', reconnectAfterMs);
  }
}
