// A container that is started again at once has its store of layers at another place than the attempt before: the unmount
// of that may wait its turn still, and would take the new mount.
import { execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, vi } from 'vitest';

const program = new URL('../support/rootfs-twice.ts', import.meta.url).pathname;

it('a second attempt mounts elsewhere, and nothing of either is left', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-rootfs-'));
  const holder = spawn('unshare', ['--user', 'sleep', '1000'], { stdio: 'ignore' });
  try {
    const map = `/proc/${holder.pid}/uid_map`;
    await vi.waitUntil(() => readFileSync(`/proc/${holder.pid}/comm`, 'utf8') === 'sleep\n');
    for (const file of [map, map.replace('uid', 'gid')]) writeFileSync(file, '0 100000 65536');
    const args = ['--mount', process.execPath, '--import', 'tsx', program, directory, String(holder.pid)];
    const { mounted, left } = JSON.parse((await promisify(execFile)('unshare', args)).stdout);
    expect(mounted).toHaveLength(2);
    expect(new Set(mounted).size).toBe(2);
    expect(left).toEqual([]);
  } finally {
    holder.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
});
