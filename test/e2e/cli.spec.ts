// The command line as people and scripts use it: the bundled program as a process of its own, against a whole Berth.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { freePort } from '../support/cluster.js';
import { type RunningBerth, startBerth } from '../support/running-berth.js';
import { pushTinyImage } from '../support/tiny-image.js';

const cliFolder = resolve(import.meta.dirname, '../../cli');
const program = join(cliFolder, 'dist/berth.js');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let berth: RunningBerth;
let directory: string;
let configFile: string;

beforeAll(async () => {
  await promisify(execFile)('node', [join(cliFolder, 'bundle.mjs')]);
  berth = await startBerth(inject('databaseUrl'));
  await pushTinyImage(berth.registry.address, 'busybox', 'latest', 'busybox');
  await berth.addHost('sim-1');
  directory = await mkdtemp(join(tmpdir(), 'berth-cli-'));
  configFile = join(directory, 'config.json');
  const local = { url: berth.url, apiKey: berth.apiKey, operatorKey: berth.operatorKey };
  await writeFile(
    configFile,
    JSON.stringify({ current: 'local', contexts: { local, away: { url: `http://127.0.0.1:${await freePort()}`, apiKey: 'x' } } }),
  );
});

afterAll(async () => {
  await berth.stop();
  await rm(directory, { recursive: true, force: true });
});

function start(words: readonly string[], environment: Record<string, string> = {}) {
  return spawn('node', [program, ...words], { env: { PATH: process.env.PATH, BERTH_CONFIG: configFile, ...environment } });
}

function ended(child: ReturnType<typeof start>): Promise<Ended> {
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
  return new Promise((done) => child.once('close', (code) => done({ code, ...text })));
}

const cli = (...words: string[]) => ended(start(words));

async function json<T>(...words: string[]): Promise<T> {
  const { code, stdout, stderr } = await cli(...words, '-o', 'json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

/** Starts a task that stays, and gives its id. */
async function longTask(...options: string[]): Promise<string> {
  const { stdout } = await cli('run', '--detach', ...options, 'busybox', '--', 'serve');
  return stdout.trim();
}

/** Waits until the API knows a task of this name. */
async function untilListed(name: string): Promise<void> {
  while ((await json<Task[]>('ps', '--name', name)).length === 0);
}

describe('run', () => {
  test('streams the output and exits with the task’s code', async () => {
    expect(await cli('run', 'busybox', '--', 'exit', '0')).toEqual({ code: 0, stdout: 'started: exit 0\nended with 0\n', stderr: '' });
    expect(await cli('run', 'busybox', 'exit', '3')).toMatchObject({ code: 3 });
  });

  test('takes what the options say', async () => {
    const id = await longTask('--cpu', '0.1', '-m', '64Mi', '--name', 'web', '--tag', 'team=blue', '-e', 'A=1', '--stop-timeout', '5s');
    const task = await json<Task>('inspect', id);
    expect(task).toMatchObject({
      name: 'web',
      cpuMillis: 100,
      memoryMiB: 64,
      tags: { team: 'blue' },
      taskDefinition: expect.stringMatching(/^busybox:\d+$/),
    });
    await cli('stop', id);
  });

  test('with several, marks whose line it is and exits with the first failure', async () => {
    const { code, stdout } = await cli('run', '--count', '3', 'busybox', '--', 'exit', '4');
    expect(code).toBe(4);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(6);
    for (const line of lines) expect(line).toMatch(/^[0-9a-f]{8} \| (started: exit 4|ended with 4)$/);
  });

  test('says what ran out', async () => {
    const { code, stderr } = await cli('run', 'busybox', '--', 'oom');
    expect({ code, stderr }).toEqual({ code: 137, stderr: expect.stringMatching(/^berth: OutOfMemory: .*Give the task more memory/) });
  });

  test('of an image that does not exist is a sentence, a hint and a request id', async () => {
    const { code, stdout, stderr } = await cli('run', 'no-such-image');
    expect({ code, stdout }).toEqual({ code: 125, stdout: '' });
    expect(stderr).toMatch(/^berth: The image .*no-such-image.* was not found.*\n"berth images" lists .*\nRequest id: \S+\n$/);
  });

  test('Ctrl-C stops the task and stays with it to its end', async () => {
    const child = start(['run', '--name', 'interrupted', 'busybox', '--', 'serve']);
    child.stdout.once('data', () => child.kill('SIGINT'));
    const { code, stderr } = await ended(child);
    expect(stderr).toContain('berth: stopping the task; Ctrl-C again leaves at once.');
    const [task] = await json<Task[]>('ps', '-a', '--name', 'interrupted');
    expect(task).toMatchObject({ state: 'stopped', stopCode: 'UserInitiated' });
    expect(code).toBe(task?.containers[0]?.exitCode);
  });

  test('Ctrl-C twice leaves the task to Berth', async () => {
    const child = start(['run', '--name', 'left', 'busybox', '--', 'hang']);
    child.stderr.on('data', () => child.kill('SIGINT'));
    await untilListed('left');
    child.kill('SIGINT');
    expect((await ended(child)).code).toBe(130);
  });

  test('--timeout stops the task and exits 124', async () => {
    expect(await cli('run', '--timeout', '300ms', 'busybox', '--', 'serve')).toMatchObject({ code: 124 });
  });

  test('says on what a task waits', async () => {
    const child = start(['run', '--name', 'too-big', '--memory', '512Gi', 'busybox', '--', 'serve']);
    const waiting = new Promise<string>((done) => child.stderr.once('data', (chunk: Buffer) => done(chunk.toString())));
    expect(await waiting).toMatch(/^waiting for a host: .*524288 MiB/);
    child.kill('SIGINT');
    expect((await ended(child)).code).toBe(125);
  });

  test('goes on when the control plane is started again, and prints no line twice', async () => {
    const child = start(['run', 'busybox', '--', 'sleep', '4']);
    const result = ended(child);
    await new Promise((begun) => child.stdout.once('data', begun));
    await berth.restart();
    expect(await result).toMatchObject({ code: 0, stdout: 'started: sleep 4\nended with 0\n' });
  });
});

describe('looking', () => {
  let id: string;

  beforeAll(async () => {
    id = await longTask('--name', 'looked-at', '--tag', 'look=yes');
  });

  test('ps shows what is alive, -a also what has stopped, -q only ids', async () => {
    expect((await cli('ps', '--name', 'looked-at')).stdout).toMatch(
      /^TASK +NAME +DEFINITION +STATE .*\n[0-9a-f]{8} +looked-at +busybox:\d+ +running \S+/,
    );
    expect((await cli('ps', '-q', '--tag', 'look=yes')).stdout).toBe(`${id}\n`);
    const states = new Set((await json<Task[]>('ps')).map((task) => task.state));
    expect(states.has('stopped')).toBe(false);
    expect((await json<Task[]>('ps', '-a', '--state', 'stopped')).length).toBeGreaterThan(0);
  });

  test('a task is found by the beginning of its id and by its name', async () => {
    expect(await json<Task>('inspect', id.slice(0, 8))).toMatchObject({ id });
    expect(await json<Task>('inspect', 'looked-at')).toMatchObject({ id });
  });

  test('logs, events, cost and inspect speak to people', async () => {
    expect((await cli('logs', id)).stdout).toBe('started: serve\n');
    expect((await cli('logs', '-t', '--tail', '1', id)).stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{3} started: serve\n$/);
    expect((await cli('events', id)).stdout).toMatch(/^TIME \(UTC\) .*\n.*pending[\s\S]*placed[\s\S]*running/);
    expect((await cli('cost', id)).stdout).toMatch(/^Task +.*\nTotal +[\d.]+ USD, and growing\nPer hour +[\d.]+ USD/);
    expect((await cli('inspect', id)).stdout).toMatch(/State +running[\s\S]*Placed because +\S[\s\S]*CONTAINER +STATE/);
  });

  test('logs -f follows until the task ends', async () => {
    const child = start(['logs', '-f', id]);
    child.stdout.once('data', () => void cli('stop', id));
    const { code, stdout } = await ended(child);
    expect({ code, first: stdout.split('\n')[0] }).toEqual({ code: 0, first: 'started: serve' });
  });

  test('the fleet, the images and the definitions', async () => {
    expect((await cli('hosts')).stdout).toMatch(/^HOST +NAME +STATE .*\n[0-9a-f]{8} +sim-1 +active/);
    expect(await json('images')).toContainEqual({ name: 'busybox', tags: ['latest'] });
    expect((await cli('definitions', '--family', 'busybox')).stdout).toMatch(/^DEFINITION .*\nbusybox:\d+/);
    expect((await cli('host', 'token', '--valid-for', '10m')).stdout).toMatch(/bin\/join https:\/\/\S+ '?berth-host\.\S+\n$/);
  });
});

describe('define', () => {
  const definition = { family: 'defined', containers: [{ name: 'main', image: 'busybox', command: ['exit', '0'] }] };

  test('registers from a file and from standard input', async () => {
    const file = join(directory, 'definition.json');
    await writeFile(file, JSON.stringify(definition));
    expect(await cli('define', '-f', file)).toMatchObject({ code: 0, stdout: 'defined:1\n' });
    const child = start(['define', '-f', '-']);
    child.stdin.end(JSON.stringify({ ...definition, memoryMiB: 256 }));
    expect(await ended(child)).toMatchObject({ code: 0, stdout: 'defined:2\n' });
  });

  test('says which field is wrong', async () => {
    const child = start(['define', '-f', '-']);
    child.stdin.end(JSON.stringify({ ...definition, memory: 256 }));
    const { code, stderr } = await ended(child);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringMatching(/memory[\s\S]*Request id: /) });
  });
});

describe('stop', () => {
  test('stops all or, with an error among the names, none', async () => {
    const [one, two] = [await longTask(), await longTask()];
    expect(await cli('stop', one, 'no-such-task')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('There is no task "no-such-task" here.'),
    });
    expect(await json<Task>('inspect', one)).toMatchObject({ desiredState: 'running' });
    expect(await cli('stop', '--reason', 'test', one, two)).toMatchObject({ code: 0, stdout: `${one}\n${two}\n` });
    expect(await json<Task>('inspect', two)).toMatchObject({ state: 'stopped', stopCode: 'UserInitiated' });
  });
});

describe('volume', () => {
  test('makes one, mounts it, shows who uses it, and deletes it when nobody does', async () => {
    expect(await cli('volume', 'create', 'db', '--size', '2G')).toEqual({ code: 0, stdout: 'db\n', stderr: '' });
    const id = await longTask('-v', 'db:/var/lib/db', '-v', 'db:/copy:ro');
    while ((await json<Task>('inspect', id)).state !== 'running');
    const [list, one, task, refused] = await Promise.all([
      cli('volume', 'ls'),
      cli('volume', 'inspect', 'db'),
      cli('inspect', id),
      cli('volume', 'rm', 'db'),
    ]);
    expect(list.stdout).toMatch(new RegExp(`^db +2 GiB +in-use +sim-1 +${id.slice(0, 8)} +`, 'm'));
    expect(one.stdout).toMatch(/^State +in-use\nHost +sim-1\n/m);
    expect(task.stdout).toContain('mounts db:/var/lib/db, db:/copy:ro');
    expect(refused).toMatchObject({ code: 125, stderr: expect.stringMatching(/^berth: The volume db is used by the task /) });
    await cli('stop', id);
    expect(await cli('volume', 'rm', 'db')).toMatchObject({ code: 0, stdout: 'db\n' });
  });
});

describe('without a Berth', () => {
  test.each([
    [['ps', '--context', 'away'], 125, /^berth: Berth does not answer at http:\/\/127\.0\.0\.1:\d+: connection refused\.\nIs it running\?/],
    [['ps', '--context', 'nowhere'], 2, /^berth: There is no context "nowhere"\.\nThere are: local, away\.\n$/],
    [['run', '--cpu', 'many', 'busybox'], 2, /^berth: --cpu does not take "many"\.\nIt takes 250m, 0\.25 or 2\.\n$/],
    [['rum'], 2, /unknown command 'rum'[\s\S]*Did you mean run/],
  ])('%j', async (words, code, stderr) => {
    expect(await cli(...words)).toEqual({ code, stdout: '', stderr: expect.stringMatching(stderr) });
  });

  test('a wrong key is told', async () => {
    const { code, stderr } = await ended(start(['ps'], { BERTH_URL: berth.url, BERTH_API_KEY: 'berth_wrong' }));
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining('Send a valid API key') });
  });
});

test('contexts are listed without their keys, and chosen', async () => {
  const file = join(directory, 'contexts.json');
  await writeFile(file, await readFile(configFile));
  const environment = { BERTH_CONFIG: file };
  const listed = await ended(start(['context', 'ls'], environment));
  expect(listed.stdout).toMatch(/\* +local +http/);
  expect(listed.stdout).not.toContain(berth.apiKey);
  expect(await ended(start(['context', 'use', 'away'], environment))).toMatchObject({ code: 0 });
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ current: 'away', contexts: { local: { apiKey: berth.apiKey } } });
});

test('a reader that has gone is no crash', async () => {
  const child = start(['--help']);
  child.stdout.destroy();
  const { code, stderr } = await ended(child);
  expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
});

test('help has examples for every verb', async () => {
  const { stdout } = await cli('--help');
  const verbs = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1] ?? '').filter((verb) => verb !== 'help');
  expect(verbs.length).toBeGreaterThan(10);
  const helps = await Promise.all(verbs.map(async (verb) => ({ verb, help: (await cli(verb, '--help')).stdout })));
  // One that only leads to others has theirs.
  for (const { verb, help } of helps) if (!help.includes('\nCommands:')) expect(help, verb).toContain('Examples:\n  berth');
});

describe('a running task', () => {
  const running = async (id: string) => {
    while ((await json<Task>('inspect', id)).state !== 'running');
  };

  test('is resized, frozen, thawed and sent signals, and shows what it uses', async () => {
    const id = await longTask('--cpu', '0.5', '-m', '256Mi');
    await running(id);
    expect(await cli('resize', '--cpu', '1', '--memory', '128Mi', id)).toEqual({
      code: 0,
      stdout: `${id} has 1 CPU and 128 MiB\n`,
      stderr: '',
    });
    expect(await cli('freeze', id)).toMatchObject({ code: 0, stdout: `${id}\n` });
    expect((await cli('inspect', id)).stdout).toContain('its processes are held');
    expect(await cli('thaw', id)).toMatchObject({ code: 0 });
    expect(await cli('kill', '-s', 'hup', id)).toMatchObject({ code: 0, stdout: 'SIGHUP was sent to busybox\n' });
    expect((await cli('logs', '--grep', 'SIGHUP', id)).stdout).toBe('got SIGHUP\n');
    const stats = await cli('stats', '--no-stream', id);
    expect(stats.stdout.split('\n')[1]).toMatch(new RegExp(`^${id.slice(0, 8)} +busybox +\\d+\\.\\d% `));
    expect(await cli('stop', id)).toMatchObject({ code: 0 });
  });

  test('is refused what can’t be, with a sentence and a code of its own', async () => {
    const id = await longTask();
    await running(id);
    const { code, stderr } = await cli('resize', '--memory', '4000Gi', id);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringMatching(/^berth: The host has \d+ MiB free for this task/) });
    expect((await cli('resize', id)).code).toBe(2);
    expect((await cli('kill', '-s', 'nonsense', id)).code).toBe(2);
    await cli('stop', id);
    expect((await cli('freeze', id)).stderr).toMatch(/^berth: The task is stopped/);
  });
});
