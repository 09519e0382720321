// Volumes in real containers: what is in them lasts, ends at its size, belongs to the same user in every task, and is out
// of reach of everybody else. And what a hostile image or volume can't make of them.
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerSpec, TaskSpec, VolumeSpec } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadNfs } from '../../agent/src/runtime/nfs-mount.js';
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

type Access = 'read' | 'write';
const persistent = (id: string, access: Access = 'write', sizeMiB = 64): VolumeSpec => ({
  name: 'data',
  persistent: { id, sizeMiB, access },
});
const at = (path: string, readOnly = false, volume = 'data') => [{ volume, path, readOnly }];

/** A task of one container whose volume `data` is on /data. */
function sh(script: string, volume: VolumeSpec, more: Partial<ContainerSpec> = {}, task: Partial<TaskSpec> = {}): TaskSpec {
  const readOnly = volume.persistent?.access === 'read';
  return taskSpec([containerSpec(image, ['sh', '-c', script], { mountPoints: at('/data', readOnly), ...more })], {
    volumes: [volume],
    ...task,
  });
}

/** Where the host has it, with ids as they are inside. */
const onHost = (id: string) => `/run/${host.instance}/volumes/${id}`;
const imageOf = (id: string) => join(host.dataDirectory, 'volumes', `${id}.img`);
const loops = async () => (await host.sh(`losetup -n -O BACK-FILE | grep -c '${host.dataDirectory}/volumes/' || true`)).trim();
const noneMounted = () => until(async () => (await loops()) === '0');
const pidOf = async ({ taskId }: TaskSpec) => (await host.sh(`cat /run/${host.instance}/tasks/${taskId}/containers/main/pid`)).trim();
const rootOf = async (task: TaskSpec) => `/proc/${await pidOf(task)}/root`;
const failureOf = async (task: TaskSpec) => {
  const error = await startTask(host, task).then(
    () => 'it started',
    (reason: Error) => reason.message,
  );
  await host.call.cleanup(task.taskId);
  return error;
};

describe('a persistent volume', () => {
  it('hands what one task wrote to the next, whose users own it as before although they have other ids on the host', async () => {
    const id = randomUUID();
    const write = 'echo kept >/data/of-root; mkdir /data/app; chown app /data/app; su app -c "echo mine >/data/app/file"; id -u >/data/uid';
    const first = await runToEnd(host, sh(write, persistent(id)));
    expect(first).toMatchObject({ exit: { exitCode: 0 }, stderr: '' });
    await noneMounted();
    // Takes the ids that the first task has had.
    const others = [sh('sleep 60 & wait', { name: 'data' }), sh('sleep 60 & wait', { name: 'data' })];
    for (const other of others) await startTask(host, other);
    const read =
      'cat /data/of-root /data/app/file; stat -c "%n %u:%g" /data /data/of-root /data/app/file; su app -c "echo more >>/data/app/file" && echo grown';
    const { stdout, exit } = await runToEnd(host, sh(read, persistent(id)));
    expect(stdout.trim().split('\n')).toEqual(['kept', 'mine', '/data 0:0', '/data/of-root 0:0', '/data/app/file 1000:1001', 'grown']);
    expect(exit.exitCode).toBe(0);
    for (const other of others) await host.call.cleanup(other.taskId);
  });

  it('is full at its size in bytes, and nobody else notices', async () => {
    const id = randomUUID();
    const neighbour = sh('while [ ! -e /data/go ]; do sleep 0.1; done; dd if=/dev/zero of=/data/file bs=1M count=20', persistent(id));
    await startTask(host, neighbour);
    const fill =
      'dd if=/dev/zero of=/data/big bs=1M count=100 2>&1 | grep -i space; du -m /data/big; echo own >/own && echo fine; rm /data/big; df -m /data | tail -1';
    const { stdout } = await runToEnd(host, sh(fill, persistent(randomUUID())));
    const written = Number(/(\d+)\s+\/data\/big/.exec(stdout)?.[1]);
    expect(stdout).toMatch(/No space left on device/);
    expect(written).toBeGreaterThan(45);
    expect(written).toBeLessThanOrEqual(64);
    expect(stdout).toContain('fine');
    await host.sh(`touch ${onHost(id)}/go`);
    expect((await exitOf(host, neighbour.taskId)).exitCode).toBe(0);
    await host.call.cleanup(neighbour.taskId);
  });

  it('has inodes by its size, and gives the space of what is deleted back to the host', async () => {
    const id = randomUUID();
    const { stdout } = await runToEnd(
      host,
      sh('cd /data; seq 1 9000 | sed s,^,f, | xargs touch 2>/dev/null; ls | grep -c ^f; rm -rf /data/*', persistent(id)),
    );
    expect(Number(stdout)).toBeGreaterThan(3900);
    expect(Number(stdout)).toBeLessThanOrEqual((64 * 1024) / 16);
    await runToEnd(host, sh('dd if=/dev/zero of=/data/big bs=1M count=40 2>/dev/null; sync; rm /data/big; sync', persistent(id)));
    await until(async () => (await stat(imageOf(id))).blocks * 512 < 30 * 1024 * 1024);
  });

  it('is writable for a user who is not root, and starts empty', async () => {
    const { stdout, exit } = await runToEnd(
      host,
      sh('ls -A /data | wc -l; echo x >/data/file && stat -c %u /data/file', persistent(randomUUID()), { user: 'app' }),
    );
    expect([stdout, exit.exitCode]).toEqual(['0\n1000\n', 0]);
  });

  it('honours neither devices nor set-user-id programs', async () => {
    const id = randomUUID();
    await runToEnd(host, sh('cp /bin/busybox /data/id; chmod 4755 /data/id', persistent(id)));
    const { stdout } = await runToEnd(host, sh('/data/id -u; grep " /data " /proc/mounts', persistent(id), { user: 'app' }));
    expect(stdout).toMatch(/^1000\n/);
    expect(stdout).toMatch(/nosuid/);
    expect(stdout).toMatch(/nodev/);
  });

  it('can be read while one task writes it; who may only read can’t write', async () => {
    const id = randomUUID();
    const writer = sh('echo one >/data/file; sleep 60 & wait', persistent(id));
    await startTask(host, writer);
    await until(async () => (await host.sh(`cat ${await rootOf(writer)}/data/file 2>/dev/null || true`)) === 'one\n');
    const { stdout, exit } = await runToEnd(
      host,
      sh(
        'cat /data/file; echo two >/data/file 2>/dev/null || echo refused; mount -o remount,rw /data 2>/dev/null || echo stays',
        persistent(id, 'read'),
      ),
    );
    expect([stdout, exit.exitCode]).toEqual(['one\nrefused\nstays\n', 0]);
    expect(await host.sh(`cat ${await rootOf(writer)}/data/file`)).toBe('one\n');
    await host.call.cleanup(writer.taskId);
  });

  it('is written by one task at a time: the next waits until the one before is gone', async () => {
    const id = randomUUID();
    const first = sh('sleep 60 & wait', persistent(id));
    await startTask(host, first);
    const second = sh('true', persistent(id));
    let prepared = false;
    const waiting = host.call.prepare(second).then(() => {
      prepared = true;
    });
    await runToEnd(host, sh('true', persistent(randomUUID())));
    expect(prepared).toBe(false);
    await host.call.cleanup(first.taskId);
    await waiting;
    await host.call.cleanup(second.taskId);
  });

  it('outlives the agent in use, and is written to the disk and unmounted when its last task is gone', async () => {
    const id = randomUUID();
    const task = sh('while [ ! -e /data/go ]; do sleep 0.1; done; echo seen >/data/seen', persistent(id));
    await startTask(host, task);
    await host.restart();
    await host.call.start([task.taskId]);
    expect(await host.call.removeVolumes([id])).toEqual([]);
    await host.sh(`touch ${onHost(id)}/go`);
    expect((await exitOf(host, task.taskId)).exitCode).toBe(0);
    await host.call.cleanup(task.taskId);
    await noneMounted();
    const { stdout } = await runToEnd(host, sh('cat /data/seen', persistent(id)));
    expect(stdout).toBe('seen\n');
  });

  it('loses nothing when the agent dies with its task and nobody knows the task any more', async () => {
    const id = randomUUID();
    await startTask(host, sh('echo kept >/data/file; sleep 60 & wait', persistent(id)));
    await until(async () => (await contentsOf(id)) === 'kept\n');
    await host.restart();
    await host.call.start([]);
    await noneMounted();
    const { stdout } = await runToEnd(host, sh('cat /data/file', persistent(id)));
    expect(stdout).toBe('kept\n');
  });

  it('is removed when that is said and no task uses it, and only then', async () => {
    const [used, idle] = [randomUUID(), randomUUID()];
    await runToEnd(host, sh('echo x >/data/file', persistent(idle)));
    const task = sh('sleep 60 & wait', persistent(used));
    await startTask(host, task);
    const never = randomUUID();
    expect(await host.call.removeVolumes([used, idle, never])).toEqual([idle, never]);
    await expect(stat(imageOf(idle))).rejects.toThrow('ENOENT');
    await host.call.cleanup(task.taskId);
    expect(await host.call.removeVolumes([used])).toEqual([used]);
    await noneMounted();
  });

  const contentsOf = (id: string) => host.sh(`cat ${onHost(id)}/file 2>/dev/null || true`);
});

describe('a scratch volume', () => {
  it('is shared by the containers of its task, whoever they run as, and gone with it', async () => {
    const script = 'while [ ! -e /in/from-b ]; do sleep 0.1; done; cat /in/from-b; echo hello >/in/from-a; sleep 60 & wait';
    const task = taskSpec(
      [
        containerSpec(image, ['sh', '-c', script], { name: 'a', mountPoints: at('/in') }),
        containerSpec(image, ['sh', '-c', 'echo from-app >/out/from-b; while [ ! -e /out/from-a ]; do sleep 0.1; done; cat /out/from-a'], {
          name: 'b',
          user: 'app',
          mountPoints: at('/out'),
        }),
        containerSpec(image, ['sh', '-c', 'while [ ! -e /look/from-a ]; do sleep 0.1; done; touch /look/c 2>/dev/null || echo refused'], {
          name: 'c',
          mountPoints: at('/look', true),
        }),
      ],
      { volumes: [{ name: 'data' }], ephemeralStorageMiB: 64 },
    );
    await startTask(host, task);
    expect((await exitOf(host, task.taskId, 'b')).exitCode).toBe(0);
    expect((await exitOf(host, task.taskId, 'c')).exitCode).toBe(0);
    const lines = await host.call.logs(task.taskId, {});
    expect(lines.map(({ container, text }) => `${container}: ${text}`).sort()).toEqual(['a: from-app', 'b: hello', 'c: refused']);
    await host.call.cleanup(task.taskId);
    const { stdout } = await runToEnd(host, sh('ls -A /data | wc -l', { name: 'data' }));
    expect(stdout).toBe('0\n');
  });

  it('counts against the task’s own disk', async () => {
    const { stdout } = await runToEnd(
      host,
      sh(
        'dd if=/dev/zero of=/data/big bs=1M count=100 2>&1 | grep -o "No space left on device"',
        { name: 'data' },
        {},
        { ephemeralStorageMiB: 64 },
      ),
    );
    expect(stdout).toBe('No space left on device\n');
  });
});

describe('a hostile image or volume', () => {
  it('can’t lead a volume out of the image, nor over what Berth mounts', async () => {
    const evil = await registry.push('links', {
      script: 'ln -s /etc $m/to-etc; ln -s /proc $m/to-proc; mkdir $m/inside; ln -s ../../../../../../inside $m/up; ln -s / $m/to-root',
    });
    const onto = (path: string) => {
      const container = containerSpec(evil, ['sh', '-c', 'echo x >/inside/file; ls /inside'], { mountPoints: at(path) });
      return taskSpec([container], { volumes: [persistent(randomUUID())] });
    };
    expect(await failureOf(onto('/to-etc'))).toMatch(/\/etc\/hosts lies in the volume on \/to-etc/);
    expect(await failureOf(onto('/to-proc'))).toMatch(/leads \/to-proc to \/proc by a link/);
    expect(await failureOf(onto('/to-root'))).toMatch(/leads \/to-root to \/ by a link/);
    const up = onto('/up');
    const { stdout } = await runToEnd(host, up);
    expect(stdout).toBe('file\n');
    expect(await host.sh('ls -d /inside 2>/dev/null || true')).toBe('');
    const id = up.volumes?.[0]?.persistent?.id ?? '';
    expect((await runToEnd(host, sh('ls /data', persistent(id)))).stdout).toBe('file\n');
  });

  it('can’t choose where a container begins, or where its secrets land, by a link that a volume holds', async () => {
    const id = randomUUID();
    await runToEnd(host, sh('ln -s /proc/self/fd /data/fds; ln -s /etc /data/etc', persistent(id)));
    expect(await failureOf(sh('pwd', persistent(id), { workingDirectory: '/data/fds/5' }))).toMatch(
      /working directory \/data\/fds\/5 lies in the volume/,
    );
    const within = { path: '/data/etc/x', sizeMiB: 1, mode: '1777', uid: 0, gid: 0, exec: false };
    expect(await failureOf(sh('pwd', persistent(id), { tmpfs: [within] }))).toMatch(/\/data\/etc\/x lies in the volume on \/data/);
    const { stdout } = await runToEnd(host, sh('pwd', persistent(id), { workingDirectory: '/data' }));
    expect(stdout).toBe('/data\n');
  });
});

describe('in a sandbox', () => {
  it('a persistent volume is the same', async () => {
    const id = randomUUID();
    const inside = { isolation: 'sandbox', memoryMiB: 128 } as const;
    const written = await runToEnd(host, sh('echo kept >/data/file; stat -c %u /data/file', persistent(id), {}, inside));
    expect(written).toMatchObject({ exit: { exitCode: 0 }, stdout: '0\n' });
    const { stdout } = await runToEnd(host, sh('cat /data/file; echo x >/data/file || echo refused', persistent(id, 'read'), {}, inside));
    expect(stdout).toBe('kept\nrefused\n');
    expect((await runToEnd(host, sh('cat /data/file; stat -c %u /data/file', persistent(id)))).stdout).toBe('kept\n0\n');
  });
});

describe('an NFS directory', async () => {
  const hasNfs = await loadNfs();
  const nfs = (server: string): VolumeSpec => ({ name: 'data', nfs: { server, path: '/export' } });

  it.skipIf(hasNfs)('is refused in words by a host whose kernel has no NFS', async () => {
    expect(await failureOf(sh('true', nfs('192.0.2.1')))).toMatch(
      /The NFS server 192.0.2.1 could not be used: this host’s kernel has no NFS/,
    );
  });

  it.skipIf(!hasNfs)('of the host itself is refused (skipped where the kernel has no NFS)', async () => {
    expect(await failureOf(sh('true', nfs('localhost.localdomain')))).toMatch(/loopback|not found/);
  });
});

it('nothing of all this is left mounted', async () => {
  await noneMounted();
  expect(await host.sh(`ls -A /run/${host.instance}/mounts /run/${host.instance}/volumes | grep -v : | grep -c . || true`)).toBe('0\n');
});
