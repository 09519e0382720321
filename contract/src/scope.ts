// What an API key may be narrowed to: an area of the API, which is the first word of its paths after /v1/, and whether
// it may change things there.
import { z } from 'zod';

/** A route of tenants in an area that is not here can be reached by keys without scopes, and by those of `*`. */
export const scopeAreas = [
  ...['tasks', 'task-definitions', 'images', 'secrets', 'security-groups', 'volumes', 'services', 'jobs', 'schedules'],
  ...['quotas', 'audit', 'usage', 'costs', 'quotes', 'budgets', 'budget-alerts', 'invoices', 'contract', 'capacity-groups', 'placements'],
] as const;

export const scopeSchema = z
  .string()
  .refine((text) => parseScope(text) !== null, `must be "area:read" or "area:write", the area one of *, ${scopeAreas.join(', ')}`)
  .describe('`tasks:write` covers reading, too. A key never does more than its role.');

export interface Scope {
  /** `*`: all of them. */
  readonly area: string;
  readonly access: 'read' | 'write';
}

/** @returns null if it is none. */
export function parseScope(text: string): Scope | null {
  const [area = '', access, ...rest] = text.split(':');
  if ((access !== 'read' && access !== 'write') || rest.length > 0) return null;
  return area === '*' || (scopeAreas as readonly string[]).includes(area) ? { area, access } : null;
}

/** The area of a path of the API, `tasks` for `/v1/tasks/{taskId}/stop`. */
export function areaOf(path: string): string {
  return (path.split('/')[2] ?? '').split(':')[0] ?? '';
}
