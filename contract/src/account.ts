// Tenants and roles, and what every answer of the API has in common.
import { z } from 'zod';
import { limits } from './sizes.js';

/** `operator` is the platform's own role; the others act within one tenant. */
export const roles = ['owner', 'developer', 'viewer', 'operator'] as const;
export type Role = (typeof roles)[number];
export const tenantRoles = ['owner', 'developer', 'viewer'] as const;

export const createTenantSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1–63 lower-case letters, digits or "-", not at the ends'),
  })
  .meta({ id: 'CreateTenant' });

export const changeTenantSchema = z
  .strictObject({ placementWeight: z.int().min(1).max(1000).describe('1: as everybody’s.') })
  .meta({ id: 'ChangeTenant' });

export const tenantSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    placementWeight: z.int().describe('Its share when tasks of several tenants wait: one of weight 2 may hold twice as much as one of 1.'),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Tenant' });
export type Tenant = z.output<typeof tenantSchema>;

export const problemSchema = z
  .object({
    code: z.string(),
    message: z.string(),
    field: z.string().optional().describe('Path of the field at fault, e.g. containers.0.image.'),
    requestId: z.string(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.output<typeof problemSchema>;

export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(limits.page.max).default(limits.page.default),
  cursor: z.string().max(500).optional().describe('nextCursor of the page before.'),
});
export type PageQuery = z.output<typeof pageQuerySchema>;

/** One page of a list; `nextCursor` is null on the last. */
export function pageSchema<T extends z.ZodType>(item: T, id: string) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() }).meta({ id });
}
