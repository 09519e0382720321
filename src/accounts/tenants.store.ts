// SQL of tenants.
import { randomUUID } from 'node:crypto';
import type { Tenant, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

@Injectable()
export class TenantsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** @returns null when the name is taken. */
  async insert(name: string): Promise<Tenant | null> {
    const rows = await this.database.query(
      'INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING id, name, placement_weight, created_at',
      [randomUUID(), name],
    );
    return rows[0] ? toTenant(rows[0]) : null;
  }

  async find(id: TenantId): Promise<Tenant | null> {
    const rows = await this.database.query('SELECT id, name, placement_weight, created_at FROM tenants WHERE id = $1', [id]);
    return rows[0] ? toTenant(rows[0]) : null;
  }

  /** @returns null if there is no such tenant. */
  async weigh(id: TenantId, placementWeight: number): Promise<Tenant | null> {
    const [rows] = await this.database.query(
      'UPDATE tenants SET placement_weight = $2 WHERE id = $1 RETURNING id, name, placement_weight, created_at',
      [id, placementWeight],
    );
    return rows[0] ? toTenant(rows[0]) : null;
  }

  /** By name, after `afterName`. */
  async list(afterName: string | null, limit: number): Promise<Tenant[]> {
    const rows = await this.database.query(
      'SELECT id, name, placement_weight, created_at FROM tenants WHERE $1::text IS NULL OR name > $1 ORDER BY name LIMIT $2',
      [afterName, limit],
    );
    return rows.map(toTenant);
  }
}

function toTenant(row: { id: string; name: string; placement_weight: number; created_at: Date }): Tenant {
  return { id: row.id, name: row.name, placementWeight: row.placement_weight, createdAt: row.created_at.toISOString() };
}
