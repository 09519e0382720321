import type { Command } from 'commander';
import { Option } from 'commander';
import { allPages } from '../all-pages.js';
import { type Api, answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { Failure } from '../failure.js';
import { ago, table } from '../format.js';
import { durationOption } from '../option-values.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

type TenantRole = 'owner' | 'developer' | 'viewer';

interface InviteOptions extends CommonOptions {
  readonly role: TenantRole;
  readonly tenant?: string;
  readonly operator?: boolean;
  /** Milliseconds. */
  readonly validFor: number;
}

const role = () => new Option('--role <role>', 'what they may').choices(['owner', 'developer', 'viewer']);

export function addUsers(program: Command): void {
  const users = program.command('users').summary('See, invite and remove people').description('See, invite and remove people.');
  addVerb(users, 'ls', 'List the tenant’s users', [['berth users ls', 'with their roles']]).action(list);
  addVerb(users, 'invite <email>', 'Invite somebody', [
    ['berth users invite ann@example.com --role developer', 'prints a token for her, and nobody else'],
    ['berth users invite ann@example.com --tenant 3f0e6a52-…', 'into any tenant, also with a new password (operators)'],
    ['berth users invite ann@example.com --operator', 'to be an operator (operators)'],
  ])
    .addOption(role().default('developer'))
    .option('--tenant <id>', 'into this tenant (operators)')
    .option('--operator', 'as an operator of the platform (operators)')
    .option('--valid-for <time>', 'from 1h to 14d', durationOption('--valid-for'), 3 * 86_400_000)
    .action(invite);
  addVerb(users, 'role <email>', 'Give a user another role', [['berth users role ann@example.com --role owner', '']])
    .addOption(role().makeOptionMandatory())
    .action(setRole);
  addVerb(users, 'rm <email>', 'Take a user out of the tenant', [
    ['berth users rm ann@example.com', 'API keys stay: "berth keys ls"'],
  ]).action(remove);
}

async function list({ context, output }: CommonOptions): Promise<void> {
  const items = await all(connect(currentContext(context)));
  if (output === 'json') return printJson(items);
  const now = Date.now();
  const rows = items.map((user) => [user.email, user.name, user.role, user.lastLoginAt ? ago(user.lastLoginAt, now) : 'never']);
  await print(table(['E-MAIL', 'NAME', 'ROLE', 'SIGNED IN'], rows));
}

function all(api: Api) {
  return allPages((query) => answer(api.GET('/v1/users', { params: { query } })));
}

async function idOf(api: Api, email: string): Promise<string> {
  const user = (await all(api)).find((one) => one.email === email.toLowerCase());
  if (!user) throw new Failure(`There is no user ${email} here.`, { hint: '"berth users ls" lists them.' });
  return user.id;
}

async function invite(email: string, { context, output, role: wanted, tenant, operator, validFor }: InviteOptions): Promise<void> {
  const validForSeconds = Math.round(validFor / 1000);
  const place = currentContext(context);
  const made = operator
    ? await answer(connect(place, { as: 'operator' }).POST('/v1/operators/invitations', { body: { email, validForSeconds } }))
    : await inviteToTenant(place, tenant, { email, role: wanted, validForSeconds });
  if (output === 'json') return printJson(made);
  await print(made.token);
  note(`For ${made.email}, until ${made.expiresAt}: berth login ${place.url} --email ${made.email} --invitation TOKEN`);
}

function inviteToTenant(
  place: ReturnType<typeof currentContext>,
  tenant: string | undefined,
  body: { email: string; role: TenantRole; validForSeconds: number },
) {
  if (tenant === undefined) return answer(connect(place).POST('/v1/invitations', { body }));
  const path = { tenantId: tenant };
  return answer(connect(place, { as: 'operator' }).POST('/v1/tenants/{tenantId}/invitations', { params: { path }, body }));
}

async function setRole(email: string, { context, output, role: wanted }: CommonOptions & { role: TenantRole }): Promise<void> {
  const api = connect(currentContext(context));
  const path = { userId: await idOf(api, email) };
  const user = await answer(api.PATCH('/v1/users/{userId}', { params: { path }, body: { role: wanted } }));
  if (output === 'json') return printJson(user);
  await print(`${user.email} is ${user.role}.`);
}

async function remove(email: string, { context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context));
  const user = await answer(api.DELETE('/v1/users/{userId}', { params: { path: { userId: await idOf(api, email) } } }));
  if (output === 'json') return printJson(user);
  await print(user.email);
}
