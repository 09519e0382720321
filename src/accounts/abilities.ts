// Who may do what: the one place with the rules. A route says which role it is for; that is an action, in the area that
// its path begins with, and the caller's role and scopes either give it or they don't.
import { areaOf, parseScope, type Role } from '@berth/contract';
import { AbilityBuilder, createMongoAbility, type MongoAbility } from '@casl/ability';

/** What a route asks for: a role, or only a valid key. */
export type RequiredRole = Role | 'any';

type Action = 'identify' | 'read' | 'change' | 'administer' | 'operate';
type Ability = MongoAbility<[Action, string]>;

export interface Actor {
  readonly role: Role;
  /** Null: all that the role may. */
  readonly scopes: readonly string[] | null;
}

const actionOf: Readonly<Record<RequiredRole, Action>> = {
  any: 'identify',
  viewer: 'read',
  developer: 'change',
  owner: 'administer',
  operator: 'operate',
};

/** Within a tenant each role may do all that the lesser ones may; the operator stands apart. */
const actionsOf: Readonly<Record<Role, readonly Action[]>> = {
  viewer: ['read'],
  developer: ['read', 'change'],
  owner: ['read', 'change', 'administer'],
  operator: ['operate'],
};

/** Who could make keys and members could make one that may do more than the scope says. */
const beyondScopes = ['api-keys', 'users', 'invitations'];

export function abilityOf({ role, scopes }: Actor): Ability {
  const { can, cannot, build } = new AbilityBuilder<Ability>(createMongoAbility);
  can('identify', 'all');
  if (scopes === null) for (const action of actionsOf[role]) can(action, 'all');
  for (const scope of scopes ?? []) {
    const { area, access } = parseScope(scope) ?? {};
    const actions = actionsOf[role].filter((action) => action === 'read' || access === 'write');
    if (area !== undefined) for (const action of actions) can(action, area === '*' ? 'all' : area);
  }
  if (scopes !== null) cannot('administer', beyondScopes);
  return build();
}

/** Why not: the role is too small, or the scopes too narrow. Null: it may. @param path of the API, as `/v1/tasks/:taskId` */
export function refusalOf(actor: Actor, required: RequiredRole, path: string): { role: RequiredRole } | { scope: string } | null {
  const [action, area] = [actionOf[required], areaOf(path)];
  if (!abilityOf({ role: actor.role, scopes: null }).can(action, area)) return { role: required };
  return abilityOf(actor).can(action, area) ? null : { scope: `${area}:${action === 'read' ? 'read' : 'write'}` };
}
