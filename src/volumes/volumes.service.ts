// Volumes as their tenant makes and deletes them.
import { randomUUID } from 'node:crypto';
import { type CreateVolume, limits, type PageQuery, type TenantId, type Volume } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { SignalBus } from '../db/signals.js';
import { ApiError, notFound } from '../errors.js';
import { decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { toApiVolume, type VolumeRow } from './volume-view.js';
import { VolumesStore } from './volumes.store.js';

@Injectable()
export class VolumesService {
  constructor(
    @Inject(VolumesStore) private readonly store: VolumesStore,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  /** It costs from now on, and is on no host until a task uses it. @throws ApiError name_taken, too_many */
  async create(tenantId: TenantId, volume: CreateVolume): Promise<Volume> {
    const outcome = await this.store.insert(tenantId, randomUUID(), volume);
    if (outcome === 'taken') throw new ApiError('name_taken', { what: 'volume', name: volume.name }, { field: 'name' });
    if (outcome === 'too-many') throw new ApiError('too_many', { what: 'volumes', limit: limits.volumesPerTenant });
    return this.get(tenantId, volume.name);
  }

  async list(tenantId: TenantId, { limit, cursor }: PageQuery): Promise<Page<Volume>> {
    const [afterName = null] = cursor === undefined ? [] : decodeCursor(cursor, 'volumes', 1);
    const page = pageOf<VolumeRow>(await this.store.list(tenantId, afterName, limit + 1), limit, 'volumes', ({ name }) => [name]);
    return { ...page, items: page.items.map(toApiVolume) };
  }

  /** @throws ApiError not_found */
  async get(tenantId: TenantId, name: string): Promise<Volume> {
    const volume = await this.store.find(tenantId, name);
    if (!volume) throw noVolume(name);
    return toApiVolume(volume);
  }

  /**
   * For good, with all that is in it; on a host that is away, when that comes back. Its name is free at once.
   * @throws ApiError not_found, volume_in_use
   */
  async delete(tenantId: TenantId, name: string): Promise<Volume> {
    const volume = await this.store.deleteUnused(tenantId, name);
    if (!volume) throw noVolume(name);
    if (volume.user_count > 0) throw new ApiError('volume_in_use', { volume: name, by: usersInWords(volume) });
    if (volume.host_id !== null) this.signals.send('volumes', [volume.host_id]);
    return toApiVolume(volume);
  }
}

function usersInWords({ user_count: count, users }: VolumeRow): string {
  const first = users?.[0]?.taskId;
  return count === 1 ? `the task ${first}` : `${count} tasks, such as ${first}`;
}

const longestName = 63;
const noVolume = (name: string) => notFound('volume', name, longestName);
