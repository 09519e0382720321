// Who closes a tenant's months, credits one, or changes what is agreed about them does so alone.
import type { TenantId } from '@berth/contract';
import type { EntityManager } from 'typeorm';

/** Held until the transaction ends. */
export async function lockMonthsOf(manager: EntityManager, tenantId: TenantId): Promise<void> {
  await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`invoices ${tenantId}`]);
}
