// A task's disk: a hard limit in bytes and inodes, felt by that task only, and nothing of it left behind.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, exitOf, runToEnd, startTask, taskSpec, until } from '../support/runtime-task.js';

let registry: TestRegistry;
let image: string;
let host: RuntimeHost;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  host = await runtimeHost({ insecureRegistries: [registry.address] });
  await host.call.start([]);
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

const sh = (script: string, more: Parameters<typeof taskSpec>[1] = {}) => taskSpec([containerSpec(image, ['sh', '-c', script])], more);
const loopsOf = async () => (await host.sh(`losetup -n -O BACK-FILE | grep -c '${host.dataDirectory}/disks/' || true`)).trim();

describe('the disk of a task', () => {
  it('is full at its size, in the task that fills it and nowhere else', async () => {
    const neighbour = sh('sleep 60 & wait');
    await startTask(host, neighbour);
    const fill =
      'dd if=/dev/zero of=/big bs=1M count=100 2>&1 | tail -1; dd if=/dev/zero of=/big bs=1M count=100 2>&1 | grep -i space; du -m /big';
    const { stdout } = await runToEnd(host, sh(fill, { ephemeralStorageMiB: 64 }));
    expect(stdout).toMatch(/No space left on device/);
    const written = Number(/(\d+)\s+\/big/.exec(stdout)?.[1]);
    expect(written).toBeGreaterThan(50);
    expect(written).toBeLessThanOrEqual(64);
    expect(await host.call.observe(neighbour.taskId, 'main')).toMatchObject({ is: 'running' });
    await host.call.cleanup(neighbour.taskId);
  });

  it('has inodes by its size', async () => {
    const { stdout } = await runToEnd(
      host,
      sh('seq 1 5000 | sed s,^,/file, | xargs touch 2>/dev/null; ls / | grep -c ^file', { ephemeralStorageMiB: 64 }),
    );
    const files = Number(stdout);
    expect(files).toBeGreaterThan(4000);
    expect(files).toBeLessThanOrEqual((64 * 1024) / 16);
  });

  it('is one for all containers of the task', async () => {
    const fill = containerSpec(image, ['sh', '-c', 'dd if=/dev/zero of=/big bs=1M count=100 2>/dev/null; sleep 60 & wait'], {
      name: 'fill',
    });
    const probe = containerSpec(image, ['sh', '-c', 'sleep 1; dd if=/dev/zero of=/more bs=1M count=10'], { name: 'probe' });
    const task = taskSpec([fill, probe], { ephemeralStorageMiB: 64 });
    await startTask(host, { ...task, containers: [fill] });
    await until(
      async () =>
        (await host.sh(`du -m /proc/$(cat /run/${host.instance}/tasks/${task.taskId}/containers/fill/pid)/root/big | cut -f1`)).trim() >
        '50',
    );
    await host.call.startContainer(task, probe);
    expect((await exitOf(host, task.taskId, 'probe')).exitCode).not.toBe(0);
    await host.call.cleanup(task.taskId);
  });

  it('is its own at the start, whatever size was prepared', async () => {
    for (const ephemeralStorageMiB of [undefined, 100, 100, 3000]) {
      const { stdout } = await runToEnd(host, sh('df -m / | tail -1', ephemeralStorageMiB ? { ephemeralStorageMiB } : {}));
      const [, size, used] = stdout.trim().split(/\s+/).map(Number) as [number, number, number];
      expect(size).toBeGreaterThan((ephemeralStorageMiB ?? 1024) * 0.95);
      expect(size).toBeLessThanOrEqual(ephemeralStorageMiB ?? 1024);
      expect(used).toBeLessThanOrEqual(1);
    }
  });

  it('survives the agent, with what was written', async () => {
    const task = sh('echo kept >/file; while [ ! -e /go ]; do sleep 0.1; done; cat /file');
    await startTask(host, task);
    await host.restart();
    await host.call.start([task.taskId]);
    await host.sh(`touch /proc/$(cat /run/${host.instance}/tasks/${task.taskId}/containers/main/pid)/root/go`);
    expect((await exitOf(host, task.taskId)).exitCode).toBe(0);
    expect((await host.call.logs(task.taskId, {})).map(({ text }) => text)).toContain('kept');
    await host.call.cleanup(task.taskId);
  });

  it('leaves neither its file nor a loop device', async () => {
    const before = await loopsOf();
    const task = sh('dd if=/dev/zero of=/big bs=1M count=30 2>/dev/null; sleep 60 & wait');
    await startTask(host, task);
    const slot = JSON.parse(await host.sh(`cat /run/${host.instance}/tasks/${task.taskId}/sandbox.json`)).slot as number;
    const file = join(host.dataDirectory, 'disks', `${slot}.img`);
    expect((await stat(file)).size).toBe(1024 * 1024 * 1024);
    await host.call.cleanup(task.taskId);
    await until(async () => !(await stat(file).catch(() => null)));
    await until(async () => (await loopsOf()) === before);
  });
});
