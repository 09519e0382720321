// Copying in and out of a container that has set links as traps: whatever a path leads to is the container's own.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RealHost, startRealHost } from '../support/real-host.js';

let host: RealHost;
let task: Task;
/** On the host; the traps lead here. */
let treasure: string;

beforeAll(async () => {
  host = await startRealHost();
  task = await host.run({ image: await host.registry.push('busybox', {}), command: ['sleep', '100000'] });
  treasure = await mkdtemp(join(tmpdir(), 'berth-treasure-'));
  await writeFile(join(treasure, 'secret'), 'of the host\n');
  await mkdir(join(treasure, 'inner'));
  const links = {
    whole: treasure,
    file: `${treasure}/secret`,
    above: `../../../../../../..${treasure}`,
    'through-proc': `/proc/1/root${treasure}`,
  };
  const script = Object.entries(links).map(([name, to]) => `ln -s ${to} /trap-${name}`);
  await host.output(task.id, ['sh', '-c', script.join('; ')]);
});

afterAll(async () => {
  await host?.stop();
  await rm(treasure, { recursive: true, force: true });
});

const archive = (path: string, init: RequestInit = {}) =>
  fetch(`${host.berth.url}/v1/tasks/${task.id}/archive?path=${encodeURIComponent(path)}`, {
    ...init,
    headers: { authorization: `Bearer ${host.tenant.key}`, 'content-type': 'application/x-tar' },
  });

const traps = ['/trap-whole', '/trap-above', '/trap-through-proc'];

it('probe container: copying out by a link made by the tenant reads nothing of the host', async () => {
  for (const trap of traps) expect((await archive(`${trap}/secret`)).status, trap).toBe(404);
  // The link itself may be had: it is the tenant's.
  const link = await archive('/trap-file');
  expect(link.status).toBe(200);
  expect(await link.text()).not.toContain('of the host');
  // The control: whoever follows the link from outside reads the host's file.
  const root = await rootOnHost();
  expect(await host.sh(`cat ${root}/trap-file`)).toBe('of the host\n');
});

it('probe container: copying in by a link made by the tenant writes nothing to the host', async () => {
  const files = await mkdtemp(join(tmpdir(), 'berth-files-'));
  await writeFile(join(files, 'planted'), 'evil\n');
  const { stdout: tar } = await promisify(execFile)('tar', ['-c', '-C', files, 'planted'], { encoding: 'buffer' });
  const put = (path: string) => archive(path, { method: 'PUT', body: tar });
  for (const trap of traps) expect((await put(trap)).status, trap).toBe(422);
  for (const trap of traps) expect((await put(`${trap}/inner`)).status, trap).toBe(404);
  // Once it has a directory of that name, the link leads to its own.
  await host.output(task.id, ['mkdir', '-p', treasure]);
  expect((await put('/trap-whole')).status).toBe(204);
  expect((await host.output(task.id, ['cat', `${treasure}/planted`])).stdout).toBe('evil\n');
  expect((await readdir(treasure)).sort()).toEqual(['inner', 'secret']);
  expect(await readFile(join(treasure, 'secret'), 'utf8')).toBe('of the host\n');
  // The control: unpacked from outside, it lands on the host.
  const root = await rootOnHost();
  await host.sh(`echo evil >${root}/trap-whole/inner/planted`);
  expect(await readdir(join(treasure, 'inner'))).toEqual(['planted']);
  await rm(files, { recursive: true, force: true });
});

/** Where the agent's namespace has the container's root file system. */
async function rootOnHost(): Promise<string> {
  return (await host.sh(`ls -d /run/${host.instance}/tasks/${task.id}/containers/main/rootfs`)).trim();
}
