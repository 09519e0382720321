// Who may call what. Within a tenant each role may do all that the lesser ones may; the operator stands apart.
import type { Role } from '@berth/contract';

const rank: Readonly<Record<Exclude<Role, 'operator'>, number>> = { viewer: 1, developer: 2, owner: 3 };

/** What a route asks for: a role, or only a valid key. */
export type RequiredRole = Role | 'any';

export function mayCall(required: RequiredRole, actual: Role): boolean {
  if (required === 'any') return true;
  if (required === 'operator' || actual === 'operator') return required === actual;
  return rank[actual] >= rank[required];
}
