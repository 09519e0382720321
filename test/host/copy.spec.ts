// Files in and out of a real container through the API, as tars of the kinds that programs write.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RealHost, startRealHost } from '../support/real-host.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
/** Longer than the 100 bytes that a tar's own field has, and than the 255 of the old way to split it. */
const long = ['d'.repeat(90), 'e'.repeat(90), 'ü'.repeat(60), 'f'.repeat(100)].join('/');
const content = `${'0123456789'.repeat(5_000)}\n`;

let host: RealHost;
let task: Task;
let directory: string;

beforeAll(async () => {
  host = await startRealHost();
  task = await host.run({ image: await host.registry.push('busybox', {}), command: ['sleep', '100000'] });
  directory = await mkdtemp(join(tmpdir(), 'berth-test-copy-'));
  await mkdir(dirname(join(directory, 'source', long)), { recursive: true });
  await writeFile(join(directory, 'source', long), content);
});

afterAll(async () => {
  await host?.stop();
  await rm(directory, { recursive: true, force: true });
});

const archive = (path: string) => `${host.berth.url}/v1/tasks/${task.id}/archive?path=${encodeURIComponent(path)}`;
const authorization = () => `Bearer ${host.tenant.key}`;

it.each(['pax', 'gnu', 'posix'])(
  'a tar of the format %s with a path of more than 300 characters goes in and comes out whole',
  async (format) => {
    const tar = await run('tar', ['-c', `--format=${format}`, '-C', join(directory, 'source'), '.'], {
      encoding: 'buffer',
      maxBuffer: 2 ** 24,
    });
    await host.output(task.id, ['mkdir', '-p', `/into/${format}`]);
    const into = await fetch(archive(`/into/${format}`), {
      method: 'PUT',
      headers: { authorization: authorization(), 'content-type': 'application/x-tar' },
      body: tar.stdout,
    });
    expect(into.status).toBe(204);
    const out = await fetch(archive(`/into/${format}`), { headers: { authorization: authorization() } });
    await writeFile(join(directory, 'out.tar'), Buffer.from(await out.arrayBuffer()));
    await mkdir(join(directory, 'out'), { recursive: true });
    await run('tar', ['-x', '-f', join(directory, 'out.tar'), '-C', join(directory, 'out')]);
    expect(await readFile(join(directory, 'out', format, long), 'utf8')).toBe(content);
  },
);

it('the command line copies it both ways', async () => {
  const env = { ...process.env, BERTH_URL: host.berth.url, BERTH_API_KEY: host.tenant.key };
  const berth = (...args: string[]) =>
    run(process.execPath, ['--import', 'tsx', join(root, 'cli/src/main.ts'), ...args], { env, cwd: root });
  await berth('cp', join(directory, 'source'), `${task.id}:/by-cli`);
  await berth('cp', `${task.id}:/by-cli`, join(directory, 'back'));
  expect(await readFile(join(directory, 'back', long), 'utf8')).toBe(content);
});
