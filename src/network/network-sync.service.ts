// Tells connected hosts what they have to know of the network, whenever it may have changed. Reads for all of them at
// once, and sends to each only what is news to it. Rules of a change reach hosts within a second: a look is made at once
// when none was made lately, and never takes more than a tenth of the time.
import { lookup } from 'node:dns/promises';
import type { HostId, TenantId } from '@berth/contract';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import type { AgentLink } from '../agents/agent-link.service.js';
import { HostLinks } from '../agents/host-links.service.js';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { guardedBy, type Service, serviceOf } from './guarded.js';
import { type Fleet, type NetworkView, stateFor } from './network-state.js';
import { readGroups, readMembers, readOverlay, readTenantsOn } from './network-state.store.js';

/** Signals can be lost. */
const lookAnywayMs = 10_000;
const leastPauseMs = 200;
const restPerWork = 9;
/** Tenants whose last task on a host has ended; the oldest are forgotten first. */
const tenantsKept = 100;

interface Told {
  version: number;
  text: string;
  /** In the order in which they were last seen on the host. */
  readonly tenants: Set<TenantId>;
}

@Injectable()
export class NetworkSync implements OnModuleInit, OnModuleDestroy {
  private readonly told = new WeakMap<AgentLink, Told>();
  private readonly fleet: Omit<Fleet, 'guarded'>;
  private readonly protectedNetworks: readonly string[];
  private readonly services: readonly Service[];
  /** By name; kept while a name can't be resolved. */
  private readonly addresses = new Map<string, readonly string[]>();
  private readonly endings: (() => void)[] = [];
  private working: Promise<void> | null = null;
  private again = false;
  private notBeforeMs = 0;
  private later: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(HostLinks) private readonly links: HostLinks,
  ) {
    const { taskNetwork, vni, vxlanPort, protectedNetworks } = config.network;
    this.fleet = { taskNetwork, overlay: taskNetwork === null ? null : { vni, port: vxlanPort } };
    this.protectedNetworks = protectedNetworks;
    const { host, port, url } = config.gateway;
    this.services = [...[config.databaseUrl, config.redisUrl, url].flatMap((one) => one ?? []).map(serviceOf), { hostname: host, port }];
  }

  async onModuleInit(): Promise<void> {
    await this.resolveServices();
    const timer = setInterval(() => void this.resolveServices().then(() => this.look()), lookAnywayMs);
    this.endings.push(
      () => clearInterval(timer),
      this.signals.on('network', () => this.look()),
      this.signals.on('tasks', () => this.look()),
      this.links.onAdd(() => this.look()),
    );
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    if (this.later) clearTimeout(this.later);
    for (const end of this.endings) end();
    await this.working;
  }

  /** Compares what hosts were told with what they should know, and tells them. Returns at once. */
  look(): void {
    if (this.stopped || this.later) return;
    if (this.working) {
      this.again = true;
      return;
    }
    const waitMs = this.notBeforeMs - performance.now();
    if (waitMs > 0) {
      this.later = setTimeout(() => {
        this.later = null;
        this.look();
      }, waitMs);
      return;
    }
    this.working = this.work()
      .catch((err) => this.logger.warn({ err }, 'what hosts have to know of the network could not be read; trying again'))
      .finally(() => {
        this.working = null;
        if (this.again) this.look();
      });
  }

  private async work(): Promise<void> {
    this.again = false;
    const links = this.links.hostIds.flatMap((hostId) => this.links.of(hostId) ?? []).filter((link) => link.hasNetwork);
    if (links.length === 0) return;
    const begunMs = performance.now();
    const view = await this.read(links);
    const guarded = guardedBy(this.protectedNetworks, this.services, (hostname) => this.addresses.get(hostname) ?? []);
    for (const link of links) this.tell(link, view, { ...this.fleet, guarded });
    const tookMs = performance.now() - begunMs;
    this.notBeforeMs = performance.now() + Math.max(leastPauseMs, tookMs * restPerWork);
  }

  private async read(links: readonly AgentLink[]): Promise<NetworkView> {
    const hostIds = links.map(({ hostId }) => hostId);
    const [overlay, present] = await Promise.all([readOverlay(this.db), readTenantsOn(this.db, hostIds)]);
    for (const link of links) this.noteTenants(link, present);
    const tenants = [...new Set(links.flatMap((link) => [...this.toldTo(link).tenants]))];
    // Alone, a host knows all tasks there are.
    const others: HostId[] = overlay.hosts.length > 1 ? overlay.hosts.map(({ hostId }) => hostId) : [];
    const [groups, members] = await Promise.all([readGroups(this.db, tenants), readMembers(this.db, tenants, others)]);
    return { ...overlay, groups, members };
  }

  private noteTenants(link: AgentLink, present: readonly { hostId: HostId; tenantId: TenantId }[]): void {
    const { tenants } = this.toldTo(link);
    const here = present.filter(({ hostId }) => hostId === link.hostId);
    for (const { tenantId } of here) {
      tenants.delete(tenantId);
      tenants.add(tenantId);
    }
    const excess = tenants.size - here.length - tenantsKept;
    for (const tenantId of [...tenants].slice(0, Math.max(0, excess))) tenants.delete(tenantId);
  }

  private tell(link: AgentLink, view: NetworkView, fleet: Fleet): void {
    const told = this.toldTo(link);
    const state = stateFor(link.hostId, told.tenants, view, fleet);
    const text = JSON.stringify(state);
    if (text === told.text) return;
    told.text = text;
    told.version += 1;
    link.request({ type: 'network', version: told.version, ...state });
  }

  private async resolveServices(): Promise<void> {
    const names = [...new Set(this.services.map(({ hostname }) => hostname))];
    await Promise.all(
      names.map(async (name) => {
        const found = await lookup(name, { all: true, family: 4 }).catch(() => null);
        if (found) this.addresses.set(name, found.map(({ address }) => address).sort());
      }),
    );
  }

  private toldTo(link: AgentLink): Told {
    const known = this.told.get(link);
    if (known) return known;
    const told: Told = { version: 0, text: '', tenants: new Set() };
    this.told.set(link, told);
    return told;
  }
}
