// Branded ids, so that a host's id can't be passed where a task's is due. All ids are random UUIDs (RFC 9562 v4)
// in lower case; their first eight digits serve as the short id that people type.
import { z } from 'zod';

declare const brand: unique symbol;
export type Branded<T, B extends string> = T & { readonly [brand]: B };

export type TenantId = Branded<string, 'TenantId'>;
export type TaskId = Branded<string, 'TaskId'>;
export type TaskDefinitionId = Branded<string, 'TaskDefinitionId'>;
export type HostId = Branded<string, 'HostId'>;
export type ApiKeyId = Branded<string, 'ApiKeyId'>;
export type UserId = Branded<string, 'UserId'>;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function idSchema<T extends string>(what: string) {
  return z
    .string()
    .regex(uuid, `must be a ${what} id, for example 3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c`)
    .transform((value) => value as T);
}

export const tenantIdSchema = idSchema<TenantId>('tenant');
export const taskIdSchema = idSchema<TaskId>('task');
export const hostIdSchema = idSchema<HostId>('host');

/** Whether `value` has the form of an id (a lower-case UUID). */
export function isId(value: string): boolean {
  return uuid.test(value);
}

/** The eight characters people see and type. Unique enough to tell tasks apart on a screen, not for ever. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
