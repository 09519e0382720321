// Row 27: the registry is gone, slow, or refuses for too many requests.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, runToEnd, taskSpec } from '../support/runtime-task.js';
import { busyboxEntries, layerOf, type ScriptedRegistry, startScriptedRegistry, tarOf } from '../support/scripted-registry.js';

const retries = 2;
const pullTimeoutMs = 40_000;
let registry: ScriptedRegistry;
let leaving: ScriptedRegistry;
let host: RuntimeHost;

beforeAll(async () => {
  [registry, leaving] = await Promise.all([startScriptedRegistry(), startScriptedRegistry()]);
  host = await runtimeHost({
    insecureRegistries: [registry.address, leaving.address],
    imagePullTimeoutMs: pullTimeoutMs,
    imagePullRetries: { times: retries, firstMs: 500, mostMs: 1_000 },
  });
  await host.call.start([]);
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

/** An image that no other has a layer of. */
const imageOf = (at: ScriptedRegistry, name: string) =>
  at.put(name, [layerOf(tarOf([...busyboxEntries(), { name: 'name', content: Buffer.from(name) }]))]);
const hello = (image: string) => taskSpec([containerSpec(image, ['/bin/busybox', 'echo', 'hello'], { init: false })]);
const runs = async (image: string) => (await runToEnd(host, hello(image))).stdout;
const prepared = (image: string) => host.call.prepare(hello(image));
const asked = (what: string) => registry.requests.filter((path) => path.includes(what));

it('row 27: many tasks want an image at the same time: it is pulled once', async () => {
  const image = imageOf(registry, 'wanted');
  const tasks = Array.from({ length: 6 }, () => hello(image));
  await Promise.all(tasks.map((task) => host.call.prepare(task)));
  const blobs = asked('/wanted/blobs/');
  expect(blobs).toHaveLength(2);
  expect(new Set(blobs).size).toBe(2);
  for (const { taskId } of tasks) await host.call.cleanup(taskId);
});

it('row 27: the registry is gone: images that are here start, others fail with the reason, after several attempts', async () => {
  const [here, missing] = [imageOf(leaving, 'here'), imageOf(leaving, 'missing')];
  expect(await runs(here)).toBe('hello\n');
  await leaving.stop();
  const waiting = prepared(missing);
  waiting.catch(() => {});
  expect(await runs(here)).toBe('hello\n');
  await expect(waiting).rejects.toMatchObject({
    stopCode: 'ImagePullFailed',
    message: expect.stringMatching(new RegExp(`tried ${retries + 1} times.*connection refused.*can’t be reached from this host`)),
  });
});

it('row 27: the registry never answers: images that are here start, others fail after their time, with the reason', async () => {
  const [here, held] = [imageOf(registry, 'here'), imageOf(registry, 'held')];
  expect(await runs(here)).toBe('hello\n');
  registry.answer = (path) => (path.includes('/held/blobs/') ? 'never' : 'served');
  const waiting = prepared(held);
  waiting.catch(() => {});
  await expect.poll(() => asked('/held/blobs/').length, { timeout: 20_000 }).toBeGreaterThan(0);
  expect(await runs(here)).toBe('hello\n');
  expect(await runs(imageOf(registry, 'besides'))).toBe('hello\n');
  await expect(waiting).rejects.toMatchObject({ stopCode: 'ImagePullFailed', message: expect.stringContaining('took longer than 40 s') });
  registry.answer = () => 'served';
  expect(await runs(held)).toBe('hello\n');
});

it('row 27: the registry has too many requests (429): who waits gets the image when it has fewer', async () => {
  const image = imageOf(registry, 'busy');
  registry.answer = (path) =>
    path.includes('/busy/manifests/') && asked('/busy/manifests/').length <= 2 ? { status: 429, retryAfterSeconds: 1 } : 'served';
  expect(await runs(image)).toBe('hello\n');
  expect(asked('/busy/manifests/')).toHaveLength(3);
});

it('row 27: the registry fails (503) for a while: the pull is tried again', async () => {
  const image = imageOf(registry, 'ill');
  registry.answer = (path) => (path.includes('/ill/manifests/') && asked('/ill/manifests/').length <= retries ? { status: 503 } : 'served');
  expect(await runs(image)).toBe('hello\n');
  expect(asked('/ill/manifests/')).toHaveLength(retries + 1);
});

it('row 27: what will not pass is not tried again', async () => {
  registry.answer = () => 'served';
  const nowhere = `${registry.address}/nowhere@sha256:${'0'.repeat(64)}`;
  await expect(prepared(nowhere)).rejects.toMatchObject({
    stopCode: 'ImagePullFailed',
    message: expect.stringContaining('Check its name'),
  });
  expect(asked('/nowhere/manifests/')).toHaveLength(1);
});
