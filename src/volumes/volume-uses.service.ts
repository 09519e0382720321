// Which volumes a task to be uses, and how: what placement and its host have to know of them.
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ApiError } from '../errors.js';
import type { VolumeNeed } from '../placement/volume-needs.js';
import { type VolumeUser, volumeUses } from './volume-uses.js';
import { VolumesStore } from './volumes.store.js';

@Injectable()
export class VolumeUses {
  constructor(@Inject(VolumesStore) private readonly store: VolumesStore) {}

  /**
   * Part of the transaction that makes the task: its volumes can't be deleted meanwhile.
   * @throws ApiError unknown_volume, with the field that names one that does not exist.
   */
  async needsOf(manager: EntityManager, tenantId: TenantId, user: VolumeUser): Promise<VolumeNeed[]> {
    const uses = volumeUses(user);
    if (uses.length === 0) return [];
    const names = uses.map(({ name }) => name);
    const known = new Map((await this.store.lockForUse(manager, tenantId, names)).map((volume) => [volume.name, volume]));
    const needs = uses.map(({ name, write, field }) => {
      const volume = known.get(name);
      if (!volume) throw new ApiError('unknown_volume', { volume: name }, { field });
      return { id: volume.id, name, sizeMiB: volume.sizeMiB, write };
    });
    return needs.sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}
