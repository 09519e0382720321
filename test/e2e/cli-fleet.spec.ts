// What operators do with the fleet on the command line: hosts, pools, capacity groups, tenants' shares. The bundled program
// against a real control plane with simulated hosts and a stand-in for EC2.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { CapacityGroup, Defragmentation, Drain, Host, HostEvent, Machine, Pool, Task, Tenant } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ec2Credentials } from '../support/ec2-query.js';
import { type Ec2Server, startEc2 } from '../support/ec2-server.js';
import { eventually } from '../support/fleet-rows.js';
import { type RunningBerth, startBerth } from '../support/running-berth.js';
import { pushTinyImage } from '../support/tiny-image.js';

const cliFolder = resolve(import.meta.dirname, '../../cli');
const zones = { 'subnet-0000000a': 'eu-central-1a' };

let berth: RunningBerth;
let ec2: Ec2Server;
let directory: string;
let config: string;

beforeAll(async () => {
  await promisify(execFile)('node', [join(cliFolder, 'bundle.mjs')]);
  process.env.AWS_ACCESS_KEY_ID = ec2Credentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = ec2Credentials.secretAccessKey;
  const region = 'eu-central-1';
  const boot = async () => ({ end: async () => {} });
  ec2 = await startEc2({ region, zones, launchTemplates: ['lt-0123456789abcdef0'], boot });
  berth = await startBerth(inject('databaseUrl'), {
    BERTH_EC2_REGION: region,
    BERTH_EC2_ENDPOINT: ec2.endpoint,
    BERTH_FLEET_INTERVAL_MS: '200',
  });
  await pushTinyImage(berth.registry.address, 'busybox', 'latest', 'busybox');
  await berth.addHost('web-1');
  await berth.addHost('web-2');
  directory = await mkdtemp(join(tmpdir(), 'berth-cli-fleet-'));
  config = join(directory, 'config.json');
  const local = { url: berth.url, apiKey: berth.apiKey, operatorKey: berth.operatorKey };
  await writeFile(config, JSON.stringify({ current: 'local', contexts: { local } }));
});
afterAll(async () => {
  await berth?.stop();
  await ec2?.close();
  await rm(directory, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function withInput(input: string, ...words: string[]): Promise<Ended> {
  const child = spawn('node', [join(cliFolder, 'dist/berth.js'), ...words], { env: { PATH: process.env.PATH, BERTH_CONFIG: config } });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
  child.stdin.end(input);
  return new Promise((done) => child.once('close', (code) => done({ code, ...text })));
}

const cli = (...words: string[]) => withInput('', ...words);

/** What people see. */
async function shown(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** What programs get. */
async function json<T>(...words: string[]): Promise<T> {
  return JSON.parse(await shown(...words, '-o', 'json')) as T;
}

const columns = (text: string) => text.split('\n').map((line) => line.split(/ {2,}/));

describe('berth host', () => {
  it('ls lists hosts, as hosts does', async () => {
    const [head, first] = columns(await shown('host', 'ls'));
    expect(head).toEqual(['HOST', 'NAME', 'STATE', 'POOL', 'ZONE', 'TASKS', 'CPU USED', 'MEMORY USED', 'LAST SEEN']);
    expect(first?.slice(1, 4)).toEqual(['web-1', 'active', 'default']);
    expect((await json<Host[]>('hosts')).map(({ name }) => name)).toEqual(['web-1', 'web-2']);
  });

  it('label sets and takes off', async () => {
    expect(await shown('host', 'label', 'web-1', 'disk=ssd', 'rack=7', '--zone', 'cellar', '--pool', 'own')).toBe(
      'web-1: pool own, zone cellar, disk=ssd, rack=7\n',
    );
    expect(await json<Host>('host', 'label', 'web-1', 'rack-')).toMatchObject({ operatorAttributes: { disk: 'ssd' } });
    expect(await cli('host', 'label', 'web-1')).toMatchObject({ code: 2, stderr: expect.stringContaining('There is nothing to set.') });
    expect(await cli('host', 'label', 'web-1', 'nonsense')).toMatchObject({ code: 2, stderr: expect.stringContaining('is no label') });
  });

  it('cordon and uncordon say what state it is in then', async () => {
    expect(await shown('host', 'cordon', 'web-2', '--reason', 'new disks')).toBe('web-2 is cordoned.\n');
    expect(await json<Host>('host', 'uncordon', 'web-2')).toMatchObject({ name: 'web-2', state: 'active' });
  });

  it('drain empties a host and shows how far it is; inspect tells the story', async () => {
    const { stdout } = await cli('run', '--detach', '--on-host-drain', 'replace', '--zone', 'cellar', 'busybox', '--', 'serve');
    const id = stdout.trim();
    await eventually(async () => (await json<Task>('inspect', id)).state === 'running');
    // It may only be in that zone: its replacement waits.
    expect(await shown('host', 'drain', 'web-1', '--deadline', '10m', '--reason', 'new kernel')).toMatch(
      /^web-1: \[-{20}\] 0 of 1 have left.*; forced in (10m|9m\d\ds)/,
    );
    const { replacedBy } = await eventually(async () => {
      const task = await json<Task>('inspect', id);
      return task.replacedBy === null ? null : task;
    });
    const sheet = await eventually(async () => {
      const text = await shown('host', 'inspect', 'web-1');
      return text.includes('WAITS FOR') && text;
    });
    expect(sheet).toMatch(new RegExp(`${id.slice(0, 8)} +${replacedBy?.slice(0, 8)} +its replacement is pending`));
    expect(sheet).toContain('new kernel. To be empty by ');
    expect(sheet).toContain('disk=ssd*');
    const waiting = cli('host', 'drain', 'web-1', '--deadline', '10m', '--wait', '-o', 'json');
    await eventually(async () => (await json<{ events: HostEvent[] }>('host', 'inspect', 'web-1')).events.at(-1)?.type === 'drain-changed');
    await shown('host', 'label', 'web-2', '--zone', 'cellar');
    const { code, stdout: outcome } = await waiting;
    expect([code, JSON.parse(outcome)]).toMatchObject([0, { outcome: 'drained', replaced: 1, forced: 0 }]);
    const whole = await json<Host & { drain: Drain; events: HostEvent[] }>('host', 'inspect', 'web-1');
    expect(whole.events.map(({ type }) => type)).toEqual(expect.arrayContaining(['enrolled', 'drain-started', 'drained']));
    expect(await json<Task>('inspect', replacedBy ?? '')).toMatchObject({ state: 'running', replaces: id, host: { name: 'web-2' } });
  });

  it('rm asks for --force while there are tasks', async () => {
    expect(await cli('host', 'rm', 'web-2')).toMatchObject({ code: 125, stderr: expect.stringMatching(/^berth: .*web-2/) });
    expect(await shown('host', 'rm', 'web-1')).toBe(
      'web-1 is removed. On the machine itself, bin/join --leave takes away what is left of it.\n',
    );
    expect(await json<Host>('host', 'rm', '--force', 'web-2')).toMatchObject({ name: 'web-2' });
    expect(await json('host', 'ls')).toEqual([]);
    expect(await cli('host', 'inspect', 'web-1')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('There is no host "web-1".'),
    });
  });

  it('token prints the command for a new machine, and nothing else on its output', async () => {
    const { code, stdout, stderr } = await cli('host', 'token', '--pool', 'gpu', '--zone', 'rack-7', '--label', 'disk=ssd');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('Run it as root') });
    expect(stdout).toMatch(/bin\/join https:\/\/\S+ berth-host\.\S+\n$/);
    expect(await json('host', 'token', '--valid-for', '10m')).toMatchObject({ joinCommand: expect.stringContaining('bin/join') });
  });

  it('defrag shows and sets', async () => {
    expect(await shown('host', 'defrag')).toMatch(/Mode +off/);
    const set = await json<Defragmentation>('host', 'defrag', '--mode', 'advise', '--hosts-per-hour', '2');
    expect(set.settings).toMatchObject({ mode: 'advise', hostsPerHour: 2 });
    expect(await cli('host', 'defrag', '--mode', 'maybe')).toMatchObject({ code: 2 });
  });
});

describe('berth pool', () => {
  const pool = {
    name: 'main',
    launchTemplate: { id: 'lt-0123456789abcdef0' },
    instanceTypes: [{ name: 'm7i.large', cpuMillis: 2000, memoryMiB: 8000, onDemandPrice: '0.1' }],
    zones: Object.entries(zones).map(([subnetId, name]) => ({ name, subnetId })),
    maxHosts: 6,
  };

  it('create takes a file or standard input, and says what is wrong in it', async () => {
    const file = join(directory, 'pool.json');
    await writeFile(file, JSON.stringify(pool));
    expect(await shown('pool', 'create', '-f', file)).toBe('main\n');
    expect(await withInput(JSON.stringify({ ...pool, name: 'other' }), 'pool', 'create', '-f', '-')).toMatchObject({ stdout: 'other\n' });
    expect(await withInput('{"name":', 'pool', 'create', '-f', '-')).toMatchObject({ code: 2 });
    expect(await withInput(JSON.stringify({ ...pool, zones: [] }), 'pool', 'create', '-f', '-')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('zones'),
    });
    expect(await cli('pool', 'create', '-f', '/nonexistent')).toMatchObject({ code: 2 });
  });

  it('ls, update, machines and rm', async () => {
    const [head, row] = columns(await shown('pool', 'ls'));
    expect(head?.slice(0, 3)).toEqual(['POOL', 'MACHINES', 'COMING']);
    expect(row?.slice(0, 2)).toEqual(['main', '0']);
    expect(await shown('pool', 'update', 'main', '--min', '1', '--max', '3', '--cooldown', '10m')).toBe('main\n');
    const [machine] = await eventually(async () => {
      const items = await json<Machine[]>('pool', 'machines', 'main');
      return items.some(({ state }) => state === 'launched') && items;
    });
    const table = columns(await shown('pool', 'machines', 'main'));
    expect(table[1]?.slice(0, 3)).toEqual([machine?.id.slice(0, 8), 'launched', 'm7i.large']);
    expect(await cli('pool', 'rm', 'main')).toMatchObject({ code: 125 });
    expect(await cli('pool', 'update', 'main')).toMatchObject({ code: 2 });
    expect(await json<Pool>('pool', 'update', 'main', '--min', '0', '--max', '0')).toMatchObject({ maxHosts: 0 });
    expect(await shown('pool', 'rm', 'other')).toBe('other\n');
    expect((await json<Pool[]>('pool', 'ls')).map(({ name, cooldownSeconds }) => [name, cooldownSeconds])).toEqual([['main', 600]]);
  });
});

describe('berth tenant and capacity-group', () => {
  it('a tenant’s weight', async () => {
    const [acme] = await json<Tenant[]>('tenant', 'ls');
    expect(acme).toMatchObject({ name: 'acme', placementWeight: 1 });
    expect(await shown('tenant', 'set', 'acme', '--weight', '3')).toBe('acme\n');
    expect(columns(await shown('tenant', 'ls')).slice(0, 2)).toEqual([
      ['NAME', 'ID', 'WEIGHT'],
      ['acme', acme?.id, '3'],
    ]);
    expect(await json<Tenant>('tenant', 'set', acme?.id ?? '', '--weight', '1')).toMatchObject({ placementWeight: 1 });
    expect(await cli('tenant', 'set', 'acme', '--weight', '0')).toMatchObject({ code: 2 });
    expect(await cli('tenant', 'set', 'nobody', '--weight', '2')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('There is no tenant "nobody".'),
    });
  });

  it('a group is set, shown and removed', async () => {
    const [acme] = await json<Tenant[]>('tenant', 'ls');
    const set = ['capacity-group', 'set', 'payments', '--cpu', '64', '--memory', '256Gi'];
    expect(await shown(...set, '--tenant', acme?.id ?? '')).toBe('payments\n');
    expect(columns(await shown('capacity-group', 'ls')).slice(0, 2)).toEqual([
      ['NAME', 'CPU USED', 'MEMORY USED', 'GPUS USED', 'TENANTS'],
      ['payments', '0 of 64', '0 MiB of 256 GiB', '0 of 0', '1'],
    ]);
    expect(await json<CapacityGroup>(...set, '--gpus', '2')).toMatchObject({ cpuMillis: 64_000, gpus: 2, tenants: [] });
    expect(await cli(...set, '--tenant', 'nonsense')).toMatchObject({ code: 125 });
    expect(await cli('capacity-group', 'set', 'payments')).toMatchObject({ code: 2 });
    expect(await shown('capacity-group', 'rm', 'payments')).toBe('payments\n');
    expect(await json('capacity-group', 'ls')).toEqual([]);
    expect(await cli('capacity-group', 'rm', 'payments')).toMatchObject({ code: 125 });
  });
});
