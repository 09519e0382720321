import type { ApiKey, CreatedApiKey } from '@berth/contract';
import { type Command, Option } from 'commander';
import { allPages } from '../all-pages.js';
import { type Api, answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { Failure } from '../failure.js';
import { ago, table } from '../format.js';
import { durationOption } from '../option-values.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface CreateOptions extends CommonOptions {
  readonly role: 'owner' | 'developer' | 'viewer';
  readonly scope?: string[];
  /** Milliseconds. */
  readonly expiresIn?: number;
  readonly aws?: boolean;
}

const gather = (text: string, before: string[] = []) => [...before, text];

export function addKeys(program: Command): void {
  const keys = program
    .command('keys')
    .summary('See, make, replace and revoke API keys')
    .description('See, make, replace and revoke API keys.');
  addVerb(keys, 'ls', 'List API keys', [['berth keys ls', 'when each was used last']])
    .option('-a, --all', 'those that do not work any more, too')
    .action(list);
  addVerb(keys, 'create <name>', 'Make an API key', [
    ['berth keys create ci --role developer --expires-in 90d', 'prints the key, once'],
    ['berth keys create dashboard --role viewer --scope tasks:read --scope usage:read', 'for some areas only'],
    ['berth keys create ecs --aws', 'as AWS’ clients want them, too'],
  ])
    .addOption(new Option('--role <role>', 'what it may').choices(['owner', 'developer', 'viewer']).default('developer'))
    .option('--scope <area:access>', 'narrow it; can be given again', gather)
    .option('--expires-in <time>', 'it works for so long', durationOption('--expires-in'))
    .option('--aws', 'with an access key id and a secret access key')
    .action(create);
  addVerb(keys, 'rotate <key>', 'Replace an API key', [['berth keys rotate 3f0e6a52 --overlap 1h', 'the old one works for another hour']])
    .option('--overlap <time>', 'for how long the old one works on', durationOption('--overlap'), 86_400_000)
    .action(rotate);
  addVerb(keys, 'revoke <key>', 'Revoke an API key', [['berth keys revoke 3f0e6a52', 'by the beginning of its id']]).action(revoke);
}

function all(api: Api) {
  return allPages((query) => answer(api.GET('/v1/api-keys', { params: { query } })));
}

async function idOf(api: Api, text: string): Promise<string> {
  const found = (await all(api)).filter(({ id, name }) => id.startsWith(text) || name === text);
  const [key, ...others] = found.length > 1 ? found.filter(({ revokedAt }) => revokedAt === null) : found;
  if (!key || others.length > 0)
    throw new Failure(key ? `"${text}" fits more than one key.` : `There is no key "${text}" here.`, {
      hint: '"berth keys ls" lists them.',
    });
  return key.id;
}

async function list({ context, output, all: dead }: CommonOptions & { all?: boolean }): Promise<void> {
  const now = Date.now();
  const keys = (await all(connect(currentContext(context)))).filter((key) => dead || stateOf(key, now) === 'valid');
  if (output === 'json') return printJson(keys);
  const rows = keys.map((key) => [
    key.id.slice(0, 8),
    key.name,
    key.role,
    key.scopes?.join(' ') ?? '',
    key.accessKeyId ?? '',
    key.expiresAt?.slice(0, 16).replace('T', ' ') ?? 'never',
    key.lastUsedAt ? ago(key.lastUsedAt, now) : 'never',
    stateOf(key, now),
  ]);
  await print(table(['KEY', 'NAME', 'ROLE', 'SCOPES', 'ACCESS KEY ID', 'EXPIRES', 'USED', 'STATE'], rows));
}

function stateOf({ revokedAt, expiresAt }: ApiKey, nowMs: number): string {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && Date.parse(expiresAt) <= nowMs ? 'expired' : 'valid';
}

async function create(name: string, { context, output, role, scope, expiresIn, aws }: CreateOptions): Promise<void> {
  const body = {
    ...{ name, role, awsStyle: aws ?? false },
    ...(scope && { scopes: scope }),
    ...(expiresIn !== undefined && { expiresAt: new Date(Date.now() + expiresIn).toISOString() }),
  };
  await show(await answer(connect(currentContext(context)).POST('/v1/api-keys', { body })), output);
}

async function rotate(text: string, { context, output, overlap }: CommonOptions & { overlap: number }): Promise<void> {
  const api = connect(currentContext(context));
  const path = { keyId: await idOf(api, text) };
  await show(
    await answer(api.POST('/v1/api-keys/{keyId}/rotate', { params: { path }, body: { overlapSeconds: Math.round(overlap / 1000) } })),
    output,
  );
}

async function show(made: CreatedApiKey, output: CommonOptions['output']): Promise<void> {
  if (output === 'json') return printJson(made);
  await print(made.secret);
  if (made.secretAccessKey !== null) await print(`${made.accessKeyId} ${made.secretAccessKey}`);
  note(`Key ${made.id.slice(0, 8)}, ${made.expiresAt ? `until ${made.expiresAt}` : 'until it is revoked'}. It is shown only now.`);
}

async function revoke(text: string, { context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context));
  const key = await answer(api.DELETE('/v1/api-keys/{keyId}', { params: { path: { keyId: await idOf(api, text) } } }));
  if (output === 'json') return printJson(key);
  await print(key.id);
}
