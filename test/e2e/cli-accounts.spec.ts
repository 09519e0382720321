// Signing in, people, keys, quotas and the audit trail on the command line: the bundled program, against a real control
// plane.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';

const cliFolder = resolve(import.meta.dirname, '../../cli');
const password = 'correct horse battery';

let berth: Api;
let tenant: { id: string; key: string };
let directory: string;
let config: string;

beforeAll(async () => {
  await promisify(execFile)('node', [join(cliFolder, 'bundle.mjs')]);
  berth = await startApi();
  tenant = await berth.newTenant();
  directory = await mkdtemp(join(tmpdir(), 'berth-cli-accounts-'));
  config = join(directory, 'config.json');
  const local = { url: berth.url, apiKey: tenant.key, operatorKey: berth.operatorKey };
  await writeFile(config, JSON.stringify({ current: 'local', contexts: { local } }));
});
afterAll(async () => {
  await berth?.stop();
  await rm(directory, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function cli(words: readonly string[], input = ''): Promise<Ended> {
  const child = spawn('node', [join(cliFolder, 'dist/berth.js'), ...words], { env: { PATH: process.env.PATH, BERTH_CONFIG: config } });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
  child.stdin.end(input);
  return new Promise((done) => child.once('close', (code) => done({ code, ...text })));
}

async function json<T>(...words: string[]): Promise<T> {
  const { code, stdout, stderr } = await cli([...words, '-o', 'json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

it('somebody is invited, signs in, is given another role, and signs out', async () => {
  const { stdout, stderr } = await cli(['users', 'invite', 'ann@example.com', '--role', 'viewer']);
  expect(stderr).toContain('For ann@example.com, until ');
  const login = ['login', berth.url, '--email', 'ann@example.com', '--name', 'ann'];
  const first = await cli([...login, '--invitation', stdout.trim()], `${password}\n`);
  expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('Signed in as ann@example.com: viewer of t-') });
  expect((await cli(login, 'wrong\n')).stderr).toContain('There is no user with this e-mail address and password.');
  expect((await stat(config)).mode & 0o777).toBe(0o600);
  expect((await cli(['keys', 'ls', '--context', 'ann'])).stderr).toContain('Use a key with the role owner.');
  expect(await cli(['users', 'role', 'ann@example.com', '--role', 'owner', '--context', 'local'])).toMatchObject({
    stdout: 'ann@example.com is owner.\n',
  });
  expect(await json('users', 'ls', '--context', 'local')).toMatchObject([{ email: 'ann@example.com', role: 'owner' }]);
  expect(await cli(['logout', '--context', 'ann'])).toMatchObject({ code: 0 });
  expect(JSON.parse(await readFile(config, 'utf8')).contexts.ann).toEqual({ url: berth.url });
  await cli(['context', 'use', 'local']);
});

it('keys are made, used, listed, replaced and revoked', async () => {
  const made = await cli(['keys', 'create', 'ci', '--role', 'viewer', '--scope', 'tasks:read', '--expires-in', '1d', '--aws']);
  const [key = '', aws = ''] = made.stdout.split('\n');
  expect(aws).toMatch(/^BRTH[A-Z2-7]{16} [A-Za-z0-9+/]{40}$/);
  expect(await cli(['login', berth.url, '--key', '--name', 'ci'], `${key}\n`)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('viewer of t-'),
  });
  await cli(['context', 'use', 'local']);
  const next = await json<{ id: string }>('keys', 'rotate', 'ci', '--overlap', '0s');
  await berth.as(key).get('/v1/tasks').expect(401);
  expect((await cli(['keys', 'ls'])).stdout).toMatch(
    new RegExp(`^${next.id.slice(0, 8)} +ci +viewer +tasks:read +BRTH\\w{16} .* valid$`, 'm'),
  );
  expect(await cli(['keys', 'revoke', next.id.slice(0, 8)])).toMatchObject({ code: 0 });
  expect((await cli(['keys', 'ls', '--all'])).stdout).toContain('revoked');
});

it('quotas are shown, and set by the operator', async () => {
  expect((await cli(['quota', 'set', tenant.id, 'tasks=5', 'memoryMiB=1024'])).stdout).toMatch(/^tasks +0 +5 +tasks$/m);
  expect((await cli(['quota'])).stdout).toMatch(/^memoryMiB +0 +1024 +MiB$/m);
  expect(await json('quota', '--tenant', tenant.id)).toContainEqual(expect.objectContaining({ name: 'tasks', limit: 5 }));
  expect(await cli(['quota', 'set', tenant.id, 'nonsense=5'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('There are: tasks, '),
  });
  await cli(['quota', 'set', tenant.id, 'tasks=default']);
  expect((await cli(['quota'])).stdout).toMatch(/^tasks +0 +none +tasks +default$/m);
});

it('the audit trail is shown and checked, and an edit is found', async () => {
  expect((await cli(['audit', '--action', 'createOwnApiKey'])).stdout).toMatch(
    /^\d+ .* owner +127\.0\.0\.1 +createOwnApiKey +done 201 +POST \/v1\/api-keys$/m,
  );
  expect((await cli(['audit', '--platform', '--outcome', 'done'])).stdout).toContain('setTenantQuotas');
  const intact = await cli(['audit', 'verify']);
  expect(intact).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+ events, all as they were written\. End: \d+:[0-9a-f]{64}\n$/),
  });
  const noted = intact.stdout.trim().split('End: ')[1] ?? '';
  expect(await json('audit', 'verify', '--noted', noted)).toMatchObject({ intact: true });
  await berth.database.transaction(async (manager) => {
    await manager.query('ALTER TABLE audit_events DISABLE TRIGGER audit_events_stay');
    await manager.query("UPDATE audit_events SET actor_name = 'eve' WHERE chain = $1 AND sequence = 1", [tenant.id]);
    await manager.query('ALTER TABLE audit_events ENABLE TRIGGER audit_events_stay');
  });
  const broken = await cli(['audit', 'verify']);
  expect(broken).toMatchObject({ code: 125, stderr: expect.stringContaining('The audit trail is broken at event 1') });
});
