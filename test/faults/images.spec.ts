// Row 28: images that are damaged, or made to do harm to whoever unpacks them.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, runToEnd, taskSpec } from '../support/runtime-task.js';
import {
  busyboxEntries,
  digestOf,
  layerOf,
  type ScriptedLayer,
  type ScriptedRegistry,
  startScriptedRegistry,
  type TarEntry,
  tarOf,
} from '../support/scripted-registry.js';

const mib = 1024 * 1024;
const imageMaxBytes = 32 * mib;
const bombBytes = 128 * mib;
let registry: ScriptedRegistry;
let host: RuntimeHost;
let box: TarEntry[];

beforeAll(async () => {
  registry = await startScriptedRegistry();
  box = busyboxEntries();
  host = await runtimeHost({
    insecureRegistries: [registry.address],
    imageMaxBytes,
    imagePullRetries: { times: 1, firstMs: 1, mostMs: 1 },
  });
  await host.call.start([]);
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

beforeEach(() => {
  registry.requests.splice(0);
});

const hello = (image: string) => taskSpec([containerSpec(image, ['/bin/busybox', 'echo', 'hello'], { init: false })]);

/** Everything that the store, and pulls beside it, have on disk. */
async function kept(): Promise<{ images: number; layers: number; pulls: number; kiB: number }> {
  const data = host.dataDirectory;
  const count = async (script: string) => Number((await host.sh(script)).trim());
  return {
    images: await count(`grep -o '"names-history"' ${data}/images/overlay-images/images.json 2>/dev/null | wc -l`),
    layers: await count(`ls ${data}/images/overlay 2>/dev/null | grep -c '^[0-9a-f]\\{64\\}$' || true`),
    pulls: await count(`ls ${data}/pulls | wc -l`),
    kiB: await count(`du -sk ${data}/images | cut -f1`),
  };
}

/** The most that the store had on disk meanwhile, as far as one look after the other shows. */
async function mostUntil(done: Promise<unknown>): Promise<number> {
  let [most, over] = [0, false];
  const ended = () => {
    over = true;
  };
  done.then(ended, ended);
  while (!over) most = Math.max(most, Number(await host.sh(`du -sk ${host.dataDirectory}/images | cut -f1`)));
  return most;
}

async function expectRefused(image: string, message: RegExp): Promise<void> {
  const before = await kept();
  const task = hello(image);
  await expect(host.call.prepare(task)).rejects.toMatchObject({ stopCode: 'ImagePullFailed', message: expect.stringMatching(message) });
  await host.call.cleanup(task.taskId);
  await expect.poll(kept, { timeout: 30_000, interval: 500 }).toMatchObject({ images: before.images, layers: before.layers, pulls: 0 });
  // Not cached: whoever asks again asks the registry again.
  const asked = registry.requests.length;
  await expect(host.call.prepare(hello(image))).rejects.toMatchObject({ stopCode: 'ImagePullFailed' });
  expect(registry.requests.length).toBeGreaterThan(asked);
  expect((await runToEnd(host, hello(registry.put('sound', [layerOf(tarOf(box))])))).stdout).toBe('hello\n');
}

it('row 28: an image of the same making that is sound is pulled and runs (control)', async () => {
  const spare = layerOf(tarOf([{ name: 'plain', content: Buffer.alloc(mib) }]));
  expect((await runToEnd(host, hello(registry.put('sound', [layerOf(tarOf(box)), spare])))).stdout).toBe('hello\n');
});

it('row 28: a layer that is not what its digest says is refused and not kept', async () => {
  const layer = layerOf(tarOf([...box, { name: 'of-its-own', content: Buffer.from('1') }]));
  const other = Buffer.from(layer.packed);
  other.writeUInt8(other.readUInt8(other.length >> 1) ^ 1, other.length >> 1);
  await expectRefused(registry.put('changed', [{ ...layer, packed: other }]), /damaged: push the image again/);
});

it('row 28: a layer that breaks off, as its digest says, is refused and not kept', async () => {
  const whole = layerOf(tarOf([...box, { name: 'of-its-own', content: Buffer.from('2') }]));
  const half = whole.packed.subarray(0, 100_000);
  const broken: ScriptedLayer = { ...whole, packed: half, packedDigest: digestOf(half) };
  await expectRefused(registry.put('broken', [broken]), /could not be pulled/);
});

it('row 28: a layer with names that lead out of it is refused, not kept, and wrote nothing outside', async () => {
  const mark = `berth-test-evil-${process.pid}`;
  const names = [`../../../../../../../../tmp/${mark}`, `/../../tmp/${mark}-2`, `etc/../../../../tmp/${mark}-3`];
  for (const name of names)
    await expectRefused(registry.put('traversal', [layerOf(tarOf([...box, { name, content: Buffer.from('x') }]))]), /refused: .*\.\./);
  expect((await host.sh(`ls -d /tmp/${mark}* ${host.dataDirectory}/${mark}* 2>/dev/null || true`)).trim()).toBe('');
});

it('row 28: a layer that leads out by links of its own wrote nothing outside', async () => {
  const mark = `berth-test-link-${process.pid}`;
  const layer = layerOf(
    tarOf([
      ...box,
      { name: 'out', type: 'symbolic link', target: '/tmp' },
      { name: `out/${mark}`, content: Buffer.from('x') },
      { name: 'up', type: 'symbolic link', target: '../../../../../../../tmp' },
      { name: `up/${mark}`, content: Buffer.from('x') },
      { name: 'shadow', type: 'link', target: '../../../../../../../etc/shadow' },
    ]),
  );
  // Whether it runs is not the point: what it may have is inside of it.
  await runToEnd(host, hello(registry.put('links', [layer]))).catch(() => {});
  expect((await host.sh(`ls -d /tmp/${mark} 2>/dev/null || true`)).trim()).toBe('');
  expect((await host.sh('stat -c %h /etc/shadow')).trim()).toBe('1');
});

it('row 28: a small layer that unpacks to much more than an image may take is ended at the limit, and gone', async () => {
  const bomb = layerOf(tarOf([...box, { name: 'zeros', content: Buffer.alloc(bombBytes) }]));
  expect(bomb.packed.length).toBeLessThan(2 * mib);
  const before = (await kept()).kiB;
  const refused = expectRefused(registry.put('bomb', [bomb]), /more than the 32 MiB/);
  const mostKiB = await mostUntil(refused);
  await refused;
  expect((mostKiB - before) * 1024).toBeLessThan(bombBytes);
  await expect.poll(async () => (await kept()).kiB, { timeout: 30_000 }).toBeLessThan(before + 4096);
});

it('row 28: the same is pulled where images may be that large (control)', async () => {
  const bomb = registry.put('bomb', [layerOf(tarOf([...box, { name: 'zeros', content: Buffer.alloc(bombBytes) }]))]);
  const other = await runtimeHost({ insecureRegistries: [registry.address], imageMaxBytes: 2 * bombBytes });
  try {
    await other.call.start([]);
    expect((await runToEnd(other, hello(bomb))).stdout).toBe('hello\n');
  } finally {
    await other.destroy();
  }
});
