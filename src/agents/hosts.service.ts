// Hosts as operators ask for them and change them.
import { type Host, type HostEvent, type HostId, isId, type PageQuery, type UpdateHost } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SignalBus } from '../db/signals.js';
import { ApiError, notFound } from '../errors.js';
import { badCursor, decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { changeInWords } from './host-change.js';
import { changeHost, type HostEventRow, listHostEvents, removeHost } from './host-changes.store.js';
import { readHosts } from './hosts.store.js';

@Injectable()
export class HostsService {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  /** All hosts, oldest first. */
  list(): Promise<Host[]> {
    return readHosts(this.db, null);
  }

  /** @throws ApiError not_found */
  async get(id: string): Promise<Host> {
    const [host] = isId(id) ? await readHosts(this.db, id as HostId) : [];
    if (!host) throw notFound('host', id);
    return host;
  }

  /** @returns the host as it is then. @throws ApiError not_found */
  async update(id: string, update: UpdateHost): Promise<Host> {
    const attributes = Object.entries(update.attributes ?? {});
    const change = {
      pool: update.pool ?? null,
      zone: update.zone,
      set: Object.fromEntries(attributes.flatMap(([name, value]) => (value === null ? [] : [[name, value]]))),
      unset: attributes.flatMap(([name, value]) => (value === null ? [name] : [])),
    };
    if (!isId(id) || !(await changeHost(this.db, id as HostId, change, changeInWords(change)))) throw notFound('host', id);
    this.announce(id);
    return this.get(id);
  }

  /** Removes it and refuses its certificate. @returns the host as it was. @throws ApiError not_found, host_in_use */
  async remove(id: string, force: boolean): Promise<Host> {
    const host = await this.get(id);
    const outcome = await removeHost(this.db, id as HostId, force);
    if (!outcome) throw notFound('host', id);
    if (!outcome.removed) throw new ApiError('host_in_use', { host: host.name, count: outcome.count });
    this.announce(id);
    if (outcome.tasks.length > 0) this.signals.send('tasks', outcome.tasks);
    return host;
  }

  /** Oldest first; also of a host that was removed. @throws ApiError not_found */
  async events(id: string, { limit, cursor }: PageQuery): Promise<Page<HostEvent>> {
    const after = cursor === undefined ? null : (decodeCursor(cursor, 'host-events', 1)[0] ?? '');
    if (after !== null && !/^\d{1,18}$/.test(after)) throw badCursor();
    const rows = isId(id) ? await listHostEvents(this.db, id as HostId, after, limit + 1) : [];
    if (rows.length === 0) await this.get(id);
    const page = pageOf(rows, limit, 'host-events', (row) => [row.id]);
    return { ...page, items: page.items.map(toEvent) };
  }

  private announce(hostId: string): void {
    this.signals.send('hosts', [hostId]);
    this.signals.send('pending', null);
  }
}

function toEvent({ id, host_id, at, type, reason }: HostEventRow): HostEvent {
  return { id, hostId: host_id, at: at.toISOString(), type, reason };
}
