// A container's life on a real host: what it finds inside, how it ends, and what the runtime says of it.
import { rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runtimeDefaults } from '../../agent/src/runtime/options.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeCallError, type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, exitOf, runToEnd, startTask, taskSpec, until } from '../support/runtime-task.js';

let registry: TestRegistry;
let host: RuntimeHost;
let image: string;

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

const sh = (script: string, more = {}) => taskSpec([containerSpec(image, ['sh', '-c', script], more)]);
const failure = async (work: Promise<unknown>) =>
  (await work.then(
    () => null,
    (error) => error,
  )) as RuntimeCallError | null;

describe('what a container finds inside', () => {
  it('is root of a range of ids that nobody else has', async () => {
    const tasks = [sh('cat /proc/self/uid_map; sleep 60'), sh('cat /proc/self/uid_map; sleep 60')];
    const ranges: number[] = [];
    for (const task of tasks) {
      await startTask(host, task);
      const [line] = await until(async () => {
        const lines = await host.call.logs(task.taskId, {});
        return lines.length > 0 && lines;
      });
      const [inside, outside, size] = (line?.text ?? '').trim().split(/\s+/).map(Number) as [number, number, number];
      expect([inside, size]).toEqual([0, 65_536]);
      expect(outside).toBeGreaterThanOrEqual(100_000);
      ranges.push(outside);
    }
    for (const task of tasks) await host.call.cleanup(task.taskId);
    expect(Math.abs((ranges[0] as number) - (ranges[1] as number))).toBeGreaterThanOrEqual(65_536);
  });

  it('has its own host name, address, environment and files', async () => {
    const task = {
      ...sh('hostname; cat /etc/hostname; ip -4 -o addr show eth0; cat /etc/hosts; echo $GREETING; echo $HOME', {
        environment: { GREETING: 'hello' },
      }),
      name: 'web',
    };
    const address = await startTask(host, task);
    await exitOf(host, task.taskId);
    const text = (await host.call.logs(task.taskId, {})).map((line) => line.text).join('\n');
    await host.call.cleanup(task.taskId);
    expect(text.split('\n').slice(0, 2)).toEqual(['web', 'web']);
    expect(text).toContain(`inet ${address}/`);
    expect(text).toContain(`${address}\tweb`);
    expect(text).toContain('\nhello\n/root');
  });

  it('runs as the user of its definition, by name, with that user’s groups', async () => {
    const { stdout } = await runToEnd(host, sh('id; pwd', { user: 'app', workingDirectory: '/made/when/missing' }));
    expect(stdout).toBe('uid=1000(app) gid=1001(app) groups=2000(extra)\n/made/when/missing\n');
  });

  it('sees an init as its first process, or its own program if it wants none', async () => {
    const script = 'tr "\\0" " " </proc/1/cmdline; true';
    expect((await runToEnd(host, sh(script))).stdout).toMatch(/^\/dev\/init -- sh/);
    expect((await runToEnd(host, sh(script, { init: false }))).stdout).toMatch(/^sh -c/);
  });

  it('can write to its root file system, unless that is read-only', async () => {
    expect((await runToEnd(host, sh('echo x >/file && cat /file'))).stdout).toBe('x\n');
    const { exit, stderr } = await runToEnd(host, sh('echo x >/file', { readonlyRootFilesystem: true }));
    expect(exit.exitCode).not.toBe(0);
    expect(stderr).toMatch(/Read-only file system/);
  });

  it('shares loopback, and nothing of the file system, with the other containers of its task', async () => {
    const server = containerSpec(image, ['sh', '-c', 'echo secret >/only-here; echo over loopback | nc -l -p 80'], { name: 'server' });
    const client = containerSpec(image, ['sh', '-c', 'until nc 127.0.0.1 80; do sleep 0.1; done; ls /only-here'], { name: 'client' });
    const task = taskSpec([server, client]);
    await startTask(host, task);
    await exitOf(host, task.taskId, 'client');
    const lines = await host.call.logs(task.taskId, { container: 'client' });
    await host.call.cleanup(task.taskId);
    const text = lines.map((line) => line.text).join('\n');
    expect(text).toContain('over loopback');
    expect(text).toMatch(/only-here: No such file/);
  });
});

describe('an image', () => {
  it('of several layers is put together as its builder meant it, and not changed by who uses it', async () => {
    const layered = await registry.push('layered', {
      script: 'mkdir $m/data; echo one >$m/data/kept; echo gone >$m/data/removed',
      layers: [
        'rm $m/data/removed; echo two >$m/data/added',
        'echo three >$m/data/kept; chown 1000:1001 $m/data/added; chmod 640 $m/data/added',
      ],
    });
    const script = 'cd /data; ls; cat kept; stat -c "%u:%g %a" added; echo changed >kept';
    for (let turn = 0; turn < 2; turn++) {
      const { stdout } = await runToEnd(host, taskSpec([containerSpec(layered, ['sh', '-c', script])]));
      expect(stdout).toBe('added\nkept\nthree\n1000:1001 640\n');
    }
  });
});

describe('how a container ends', () => {
  it.each([
    ['its own code', 'exit 7', 7, null],
    ['success', 'exit 0', 0, null],
    ['a signal it sends itself', 'kill -TERM $$', 143, 'SIGTERM'],
    ['a crash', 'kill -SEGV $$', 139, 'SIGSEGV'],
  ])('with %s', async (_what, script, exitCode, signal) => {
    const { exit } = await runToEnd(host, sh(script));
    expect(exit).toMatchObject({ exitCode, signal, oomKilled: false, runtimeFailure: null });
    expect(exit.finishedAtMs).toBeGreaterThan(Date.now() - 60_000);
  });

  it('by its memory limit, and says so', async () => {
    const { exit } = await runToEnd(host, sh('tail /dev/zero'));
    expect(exit).toMatchObject({ exitCode: 137, signal: 'SIGKILL', oomKilled: true });
    // The control: the same exit code without the limit's doing.
    expect((await runToEnd(host, sh('kill -KILL $$'))).exit).toMatchObject({ exitCode: 137, oomKilled: false });
  });

  it('by a memory limit of its own, below the task’s', async () => {
    const hungry = containerSpec(image, ['sh', '-c', 'tail /dev/zero'], { memoryMiB: 16 });
    const modest = containerSpec(image, ['sh', '-c', 'sleep 60'], { name: 'modest' });
    const task = taskSpec([modest, hungry]);
    await startTask(host, task);
    expect(await exitOf(host, task.taskId)).toMatchObject({ oomKilled: true });
    expect(await host.call.observe(task.taskId, 'modest')).toMatchObject({ is: 'running' });
    await host.call.cleanup(task.taskId);
  });

  it('at its stop signal: the definition’s, else the image’s, else SIGTERM', async () => {
    const handler =
      'trap "echo got TERM; exit 3" TERM; trap "echo got USR1; exit 4" USR1; trap "echo got HUP; exit 5" HUP; echo ready; while :; do sleep 0.1; done';
    const withSignal = await registry.push('with-signal', { config: ['--stop-signal', 'SIGUSR1'] });
    for (const [usedImage, stopSignal, said] of [
      [image, null, 'got TERM'],
      [withSignal, null, 'got USR1'],
      [withSignal, 'SIGHUP', 'got HUP'],
    ] as const) {
      const container = containerSpec(usedImage, ['sh', '-c', handler], { stopSignal });
      const task = taskSpec([container]);
      await startTask(host, task);
      await until(async () => (await host.call.logs(task.taskId, {})).length > 0);
      await host.call.stopContainer(task.taskId, container);
      await exitOf(host, task.taskId);
      expect((await host.call.logs(task.taskId, {})).at(-1)?.text).toBe(said);
      await host.call.cleanup(task.taskId);
    }
  });

  it('when it is killed, whatever it ignores, and tells the listener', async () => {
    const task = sh('trap "" TERM; echo deaf; while :; do sleep 1; done');
    await startTask(host, task);
    await until(async () => (await host.call.logs(task.taskId, {})).length > 0);
    await host.call.stopContainer(task.taskId, task.containers[0] as never);
    expect(await host.call.observe(task.taskId, 'main')).toMatchObject({ is: 'running' });
    await host.call.killContainer(task.taskId, 'main');
    const seen = await until(async () => (await host.call.exits()).find((exit) => exit.taskId === task.taskId));
    expect(seen.exit).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
    await host.call.cleanup(task.taskId);
  });
});

describe('limits', () => {
  it('refuses forks above the limit of processes, and the host stays well', async () => {
    const { stdout, stderr } = await runToEnd(host, sh('i=0; while [ $i -lt 100 ]; do sleep 20 & i=$((i+1)); done; echo never'));
    expect(`${stdout}${stderr}`).toMatch(/can't fork/);
  });

  it('is set on the host’s control groups', async () => {
    const task = { ...sh('sleep 60'), cpuMillis: 250, memoryMiB: 48, pidsLimit: 33 };
    await startTask(host, task);
    const read = (v1: string, v2: string) => host.sh(`cd /sys/fs/cgroup; cat ${v1} 2>/dev/null || cat ${v2}`);
    const group = `${host.instance}/${task.taskId}`;
    expect(await read(`cpu/${group}/cpu.cfs_quota_us`, `${group}/cpu.max`)).toMatch(/^25000\b/);
    expect(await read(`memory/${group}/memory.limit_in_bytes`, `${group}/memory.max`)).toBe(`${48 * 1024 * 1024}\n`);
    expect(await read(`pids/${group}/pids.max`, `${group}/pids.max`)).toBe('33\n');
    await host.call.cleanup(task.taskId);
  });
});

describe('what cannot be started', () => {
  it.each([
    ['a program that is not there', ['nosuch'], {}, /no program "nosuch"/],
    ['a directory as a program', ['/etc'], {}, /"\/etc" is not an executable file/],
    ['a user that is not there', ['true'], { user: 'nobody-here' }, /user "nobody-here" is not in the image/],
    ['a working directory in /proc', ['true'], { workingDirectory: '/proc/self/fd/7' }, /working directory/],
  ])('%s is said in words', async (_what, command, more, message) => {
    for (const init of [true, false]) {
      const task = taskSpec([containerSpec(image, command, { ...more, init })]);
      const error = await failure(startTask(host, task));
      expect(error?.stopCode).toBe('TaskFailedToStart');
      expect(error?.message).toMatch(message);
      expect(await host.call.observe(task.taskId, 'main')).toEqual({ is: 'absent' });
      await host.call.cleanup(task.taskId);
    }
  });

  it('an image that is not there is an ImagePullFailed', async () => {
    const task = taskSpec([containerSpec(`${registry.address}/nothing@sha256:${'0'.repeat(64)}`, ['true'])]);
    const error = await failure(host.call.prepare(task));
    expect(error?.stopCode).toBe('ImagePullFailed');
    expect(error?.message).toMatch(/could not be pulled.*manifest unknown.*Check its name/);
    await host.call.cleanup(task.taskId);
  });

  it('a crun that hangs is ended, and nothing of the container is left', async () => {
    const hanging = `${host.dataDirectory}-crun`;
    await writeFile(hanging, '#!/bin/sh\ncase "$*" in *create*) sleep 600 ;; *) exec /usr/bin/crun "$@" ;; esac\n', { mode: 0o755 });
    const stuck = await runtimeHost({
      insecureRegistries: [registry.address],
      createTimeoutMs: 2000,
      programs: { ...runtimeDefaults.programs, crun: hanging },
    });
    await stuck.call.start([]);
    const task = sh('true');
    const error = await failure(startTask(stuck, task));
    expect([error?.stopCode, error?.message]).toEqual(['RuntimeFailed', expect.stringMatching(/did not answer within 2 s/)]);
    expect(await stuck.call.observe(task.taskId, 'main')).toEqual({ is: 'absent' });
    await stuck.call.cleanup(task.taskId);
    expect(await stuck.sh(`pgrep -f -- '${hanging}[ ]' || echo none`)).toBe('none\n');
    await stuck.destroy();
    await rm(hanging);
  });
});
