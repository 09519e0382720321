// Images make room on a disk that runs short: those that no task needs, the longest unused first.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, runToEnd, startTask, taskSpec } from '../support/runtime-task.js';
import { busyboxEntries, layerOf, type ScriptedRegistry, startScriptedRegistry, tarOf } from '../support/scripted-registry.js';

const mib = 1024 * 1024;
const imageBytes = 50 * mib;
let registry: ScriptedRegistry;
let host: RuntimeHost;

beforeAll(async () => {
  registry = await startScriptedRegistry();
  // Of 600 MiB, three images leave more than 400 free, four less.
  host = await runtimeHost({
    insecureRegistries: [registry.address],
    poolSize: 1,
    imageSpace: { belowBytes: 390 * mib, untilBytes: 400 * mib },
  });
  const disk = `${host.dataDirectory}.img`;
  await host.sh(`truncate -s 600M ${disk} && mkfs.ext4 -q -m 0 ${disk} && mount -o loop ${disk} ${host.dataDirectory} && rm ${disk}`);
  await host.call.start([]);
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

const imageOf = (name: string) =>
  registry.put(name, [layerOf(tarOf(busyboxEntries())), layerOf(tarOf([{ name: 'fill', content: Buffer.alloc(imageBytes, name) }]))]);
const sleeps = (image: string) => taskSpec([containerSpec(image, ['/bin/busybox', 'sleep', '1000'], { init: false })]);
const hello = (image: string) => taskSpec([containerSpec(image, ['/bin/busybox', 'echo', 'hello'], { init: false })]);

/** Which of these are in the store. */
async function stored(images: Readonly<Record<string, string>>): Promise<string[]> {
  const text = await host.sh(`cat ${host.dataDirectory}/images/overlay-images/images.json`);
  return Object.keys(images).filter((name) => text.includes(`berth.local/${images[name]?.split('sha256:')[1]}`));
}

it('when the disk runs short, the unused image goes that was used longest ago, and none that a task needs', async () => {
  const images = { runs: imageOf('runs'), first: imageOf('first'), second: imageOf('second'), third: imageOf('third') };
  const running = sleeps(images.runs);
  await startTask(host, running);
  for (const name of ['second', 'first'] as const) await runToEnd(host, hello(images[name]));
  // Used again, so that the other is the older one by now.
  await runToEnd(host, hello(images.second));
  expect(await stored(images)).toEqual(['runs', 'first', 'second']);
  await runToEnd(host, hello(images.third));
  await expect.poll(() => stored(images), { timeout: 60_000, interval: 500 }).toEqual(['runs', 'second', 'third']);
  // Its task has all it had, and what has gone comes back when it is asked for.
  expect(await host.call.observe(running.taskId, 'main')).toMatchObject({ is: 'running' });
  const rootfs = `/run/${host.instance}/tasks/${running.taskId}/containers/main/rootfs`;
  expect((await host.sh(`head -c 4 ${rootfs}/fill; wc -c <${rootfs}/fill`)).trim()).toBe(`runs${imageBytes}`);
  expect((await runToEnd(host, hello(images.first))).stdout).toBe('hello\n');
});

it('what a task needs stays over a restart of the agent, whatever the disk has left', async () => {
  const images = { kept: imageOf('kept'), other: imageOf('other') };
  const running = sleeps(images.kept);
  await startTask(host, running);
  await host.restart();
  await host.call.start([running.taskId]);
  await host.sh(`head -c 250M /dev/zero >${host.dataDirectory}/logs/fill`);
  await expect.poll(() => stored(images), { timeout: 60_000, interval: 500 }).toEqual(['kept']);
  await host.sh(`rm ${host.dataDirectory}/logs/fill`);
  await runToEnd(host, hello(images.other));
  expect(await host.call.observe(running.taskId, 'main')).toMatchObject({ is: 'running' });
});
