import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeLayout } from './oci-layout.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-layout-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function makeLayer(name: string, text: string): Promise<string> {
  const layer = join(directory, name);
  await mkdir(join(layer, 'etc'), { recursive: true });
  await writeFile(join(layer, 'etc/motd'), text);
  await symlink('motd', join(layer, 'etc/issue'));
  return layer;
}

const config = { Env: ['PATH=/bin'], Cmd: ['sh'], WorkingDir: '/' };
const blob = (layout: string, digest: string) => readFile(join(layout, 'blobs/sha256', digest.replace('sha256:', '')));
const json = async (layout: string, digest: string) => JSON.parse((await blob(layout, digest)).toString());

async function write(name: string, layers: string[]) {
  const layout = join(directory, name);
  await writeLayout(layout, layers, config);
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
  return { layout, digest: index.manifests[0].digest as string };
}

it('gives the same digest for the same files, whenever they were written', async () => {
  const [first, second] = [await makeLayer('first', 'hello'), await makeLayer('second', 'hello')];
  await utimes(join(second, 'etc/motd'), new Date(0), new Date(1e12));
  const other = await makeLayer('other', 'hullo');
  expect((await write('a', [first])).digest).toBe((await write('b', [second])).digest);
  expect((await write('c', [other])).digest).not.toBe((await write('a', [first])).digest);
});

it('writes layers that tar reads, and blobs that are what their names say', async () => {
  const { layout, digest } = await write('image', [await makeLayer('low', '1'), await makeLayer('high', '2')]);
  const manifest = await json(layout, digest);
  const image = await json(layout, manifest.config.digest);
  const layers = await Promise.all(manifest.layers.map((layer: { digest: string }) => blob(layout, layer.digest)));
  const diffIds = layers.map((bytes) => `sha256:${createHash('sha256').update(gunzipSync(bytes)).digest('hex')}`);
  expect(image.rootfs.diff_ids).toEqual(diffIds);
  expect(image.config).toEqual(config);
  expect(execFileSync('tar', ['-tz'], { input: layers[0] }).toString().split('\n')).toContain('./etc/issue');
  for (const name of await readdir(join(layout, 'blobs/sha256'))) {
    expect(
      createHash('sha256')
        .update(await blob(layout, name))
        .digest('hex'),
    ).toBe(name);
  }
});
