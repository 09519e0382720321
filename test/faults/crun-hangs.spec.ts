// Row 33: crun does not come back, before it has made anything of the container or after. A program in its place sleeps.
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runtimeDefaults } from '../../agent/src/runtime/options.js';
import { leftoversOf } from '../support/leftovers.js';
import { liveContainers, processesOf } from '../support/process-watch.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost, type TestOptions } from '../support/runtime-host.js';
import { containerSpec, runToEnd, taskSpec } from '../support/runtime-task.js';

const crun = runtimeDefaults.programs.crun;
const wrapper = `/tmp/berth-test-crun-${process.pid}`;
const hangs = `${wrapper}.hangs`;
const options: TestOptions = { poolSize: 0, createTimeoutMs: 2_000, programs: { ...runtimeDefaults.programs, crun: wrapper } };
let registry: TestRegistry;
let host: RuntimeHost;
let image: string;

beforeAll(async () => {
  // `create` hangs as the file says: before crun was asked, or after it has made the container.
  const script = `#!/bin/sh
when=$(cat ${hangs} 2>/dev/null)
case " $* " in *' create '*) ;; *) when= ;; esac
[ "$when" = before ] && exec sleep 1000
[ "$when" = after ] && { ${crun} "$@"; exec sleep 1000; }
exec ${crun} "$@"
`;
  writeFileSync(wrapper, script);
  chmodSync(wrapper, 0o755);
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  host = await runtimeHost({ insecureRegistries: [registry.address], ...options });
  await host.call.start([]);
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
  for (const file of [wrapper, hangs]) rmSync(file, { force: true });
});

it.each(['before', 'after'])('row 33: crun hangs %s it has made the container: time-out, and nothing of it is left', async (when) => {
  // What the task before had goes a moment after it.
  const isClean = async () => Object.values(await leftoversOf(host)).every((left) => left === 0);
  await expect.poll(isClean, { timeout: 10_000 }).toBe(true);
  const task = taskSpec([containerSpec(image, ['sleep', '1000'])]);
  await host.call.prepare(task);
  writeFileSync(hangs, when);
  await expect(host.call.startContainer(task, task.containers[0] as never)).rejects.toMatchObject({
    stopCode: 'RuntimeFailed',
    message: expect.stringMatching(/did not answer within 2 s/),
  });
  expect(await host.call.observe(task.taskId, 'main')).toEqual({ is: 'absent' });
  expect(processesOf(host.instance, task.taskId)).toEqual([]);
  await host.call.cleanup(task.taskId);
  await expect.poll(isClean, { timeout: 10_000 }).toBe(true);
  // The host is as good as before.
  rmSync(hangs);
  const next = taskSpec([containerSpec(image, ['sh', '-c', 'exit 3'])]);
  expect((await runToEnd(host, next)).exit).toMatchObject({ exitCode: 3 });
  expect(liveContainers(host.instance)).toEqual([]);
});
