// What a task to be needs of its tenant's secrets and volumes: they must be there when it is submitted.
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Needs } from '../placement/fleet.js';
import { SecretValues } from '../secrets/secret-values.service.js';
import { VolumeUses } from '../volumes/volume-uses.service.js';
import type { RegisteredSpec } from './task-definition.js';

@Injectable()
export class TaskStorage {
  constructor(
    @Inject(SecretValues) private readonly secrets: SecretValues,
    @Inject(VolumeUses) private readonly volumes: VolumeUses,
  ) {}

  /**
   * Part of the transaction that makes the task.
   * @throws ApiError unknown_secret, secrets_too_large, unknown_volume
   */
  async needsOf(manager: EntityManager, tenantId: TenantId, spec: RegisteredSpec): Promise<Pick<Needs, 'volumes'>> {
    await this.secrets.requireAll(manager, { tenantId, containers: spec.containers });
    const volumes = await this.volumes.needsOf(manager, tenantId, spec);
    return volumes.length > 0 ? { volumes } : {};
  }
}
