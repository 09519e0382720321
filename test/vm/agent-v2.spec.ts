// A host with pure cgroup v2, as fleets have it: the same promises that test/host checks on this machine. The host is a
// virtual machine that joins a Berth outside of it.
import type { Task, TaskStats } from '@berth/contract';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { until } from '../support/runtime-task.js';
import { type JoinedMachine, joinMachine } from './joined-machine.js';

const root = '/sys/fs/cgroup';
const group = (taskId: string) => `${root}/berth/${taskId}`;

let berth: JoinedMachine;

beforeAll(async () => {
  berth = await joinMachine(inject('vmImage'));
});

afterAll(async () => {
  await berth?.close();
});

/** What the agent has said is gone with the machine. */
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(await berth.agentLog());
});

const read = (file: string) => berth.machine.must(`cat ${file}`);

describe('a host with cgroup v2', () => {
  it('says so', async () => {
    expect(await berth.host()).toMatchObject({ name: 'virtual', state: 'active', attributes: { cgroup: 'v2', arch: 'x64' } });
  });

  it('runs a task, tells what it printed and bills it', async () => {
    const id = await berth.run('echo hello; id -u; cat /proc/self/cgroup; cut -c 1-40 /proc/self/uid_map');
    const task = await berth.untilStopped(id);
    expect(task).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 0 }] });
    const [hello, user, cgroup, uidMap = ''] = (await berth.log(id)).split('\n');
    expect({ hello, user, cgroup }).toEqual({ hello: 'hello', user: '0', cgroup: '0::/' });
    expect(Number(uidMap.trim().split(/\s+/)[1])).toBeGreaterThanOrEqual(100_000);
    await until(async () => Number((await berth.cost(id)).total) > 0);
  });

  it('tells a process killed for want of memory from one killed otherwise', async () => {
    const greedy = await berth.run('exec tail /dev/zero', { memoryMiB: 32 });
    const killed = await berth.run('kill -9 $$');
    expect(await berth.untilStopped(greedy)).toMatchObject({ stopCode: 'OutOfMemory', containers: [{ exitCode: 137 }] });
    expect(await berth.untilStopped(killed)).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 137 }] });
  });

  it('says so, too, when it is the container’s own limit', async () => {
    const id = await berth.run('exec tail /dev/zero', { memoryMiB: 256, container: { memoryMiB: 32 } });
    expect(await berth.untilStopped(id)).toMatchObject({ stopCode: 'OutOfMemory', containers: [{ exitCode: 137 }] });
  });

  it('writes the limits where v2 has them', async () => {
    const id = await berth.run('exec sleep 600', { cpuMillis: 250, memoryMiB: 64, pidsLimit: 32, container: { memoryMiB: 48 } });
    await berth.untilRunning(id);
    const values = Object.fromEntries(
      await Promise.all(
        ['cpu.max', 'cpu.weight', 'memory.max', 'memory.swap.max', 'pids.max', 'main/memory.max'].map(async (file) => [
          file,
          (await read(`${group(id)}/${file}`)).trim(),
        ]),
      ),
    );
    await berth.requestStop(id);
    expect(values).toEqual({
      'cpu.max': '25000 100000',
      'cpu.weight': '25',
      'memory.max': String(64 * 1024 * 1024),
      'memory.swap.max': '0',
      'pids.max': '32',
      'main/memory.max': String(48 * 1024 * 1024),
    });
    await berth.untilStopped(id);
  });

  it('throttles at the CPU limit', async () => {
    const id = await berth.run('while :; do :; done', { cpuMillis: 100 });
    await berth.untilRunning(id);
    await until(async () => Number(/^nr_throttled (\d+)$/m.exec(await read(`${group(id)}/cpu.stat`))?.[1]) > 3);
    await berth.requestStop(id);
    await berth.untilStopped(id);
  });

  it('refuses processes beyond the limit, inside the task alone', async () => {
    const id = await berth.run('for i in $(seq 40); do sleep 30 & done; echo not reached', { pidsLimit: 16 });
    expect(await berth.untilStopped(id)).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 2 }] });
    expect(await berth.log(id)).toMatch(/can't fork/);
    await berth.machine.must('true');
  });

  it('lets a task’s program end in its own way when it is stopped', async () => {
    const id = await berth.run('trap "echo ending; exit 3" TERM; echo ready; while :; do sleep 0.2; done');
    await until(async () => (await berth.log(id).catch(() => '')).includes('ready'));
    await berth.requestStop(id);
    expect(await berth.untilStopped(id)).toMatchObject({ stopCode: 'UserInitiated', containers: [{ exitCode: 3 }] });
    expect(await berth.log(id)).toMatch(/ending/);
  });

  it('kills what does not end', async () => {
    const id = await berth.run('trap "" TERM; echo ready; while :; do sleep 0.2; done', { container: { stopTimeoutSeconds: 1 } });
    await until(async () => (await berth.log(id).catch(() => '')).includes('ready'));
    await berth.requestStop(id);
    expect(await berth.untilStopped(id)).toMatchObject({ stopCode: 'UserInitiated', containers: [{ exitCode: 137 }] });
  });

  it('gives a running task another size, and less memory only if it does not use it', async () => {
    const id = await berth.run(
      'head -c 20000000 /dev/zero > /dev/shm/kept; head -c 30000000 /dev/zero > /file; echo ready; exec sleep 600',
      {
        memoryMiB: 96,
      },
    );
    await until(async () => (await berth.log(id).catch(() => '')).includes('ready'));
    const resize = (body: object) => berth.ask<Task & { code: string }>('patch', `/v1/tasks/${id}`, body);
    expect((await resize({ cpuMillis: 200, memoryMiB: 128 })).body).toMatchObject({ cpuMillis: 200, memoryMiB: 128, adjustment: null });
    expect([await read(`${group(id)}/cpu.max`), await read(`${group(id)}/memory.max`)].map((text) => text.trim())).toEqual([
      '20000 100000',
      String(128 * 1024 * 1024),
    ]);
    expect((await resize({ memoryMiB: 16 })).body.code).toBe('adjustment_refused');
    expect((await resize({ memoryMiB: 32 })).body).toMatchObject({ memoryMiB: 32, adjustment: null });
    expect([await read(`${group(id)}/memory.high`), await read(`${group(id)}/memory.max`)].map((text) => text.trim())).toEqual([
      'max',
      String(32 * 1024 * 1024),
    ]);
    expect((await berth.task(id)).state).toBe('running');
    await berth.requestStop(id);
    await berth.untilStopped(id);
  });

  it('freezes and thaws, and stops a frozen task', async () => {
    const id = await berth.run('while :; do :; done', { cpuMillis: 100 });
    await berth.untilRunning(id);
    const frozen = async () => /^frozen (\d)$/m.exec(await read(`${group(id)}/cgroup.events`))?.[1];
    expect((await berth.ask<Task>('post', `/v1/tasks/${id}/freeze`)).body.frozen).toBe(true);
    expect(await frozen()).toBe('1');
    expect((await berth.ask<Task>('post', `/v1/tasks/${id}/thaw`)).body.frozen).toBe(false);
    expect(await frozen()).toBe('0');
    await berth.ask('post', `/v1/tasks/${id}/freeze`);
    await berth.requestStop(id);
    expect(await berth.untilStopped(id)).toMatchObject({ stopCode: 'UserInitiated' });
  });

  it('shows what a task uses, with the pressure', async () => {
    const id = await berth.run('while :; do :; done & while :; do :; done', { cpuMillis: 100, memoryMiB: 64 });
    await berth.untilRunning(id);
    const stats = await until(async () => {
      const { body } = await berth.ask<TaskStats>('get', `/v1/tasks/${id}/stats`);
      return (body.task?.pressure?.cpu?.some10 ?? 0) > 1 && body;
    });
    expect(stats.task.cpu.throttledPeriods).toBeGreaterThan(0);
    expect(stats.task.cpu.percent).toBeGreaterThan(2);
    expect(stats.task.memory.limitBytes).toBe(64 * 1024 * 1024);
    expect(stats.task.memory.workingSetBytes).toBeGreaterThan(0);
    expect(stats.containers).toMatchObject([{ name: 'main' }]);
    await berth.requestStop(id);
    await berth.untilStopped(id);
  });

  it('keeps its limits when systemd reorders the groups it owns', async () => {
    const id = await berth.run('exec sleep 600', { cpuMillis: 100 });
    await berth.untilRunning(id);
    await berth.machine.must('systemctl daemon-reload; systemd-run --quiet --wait --property=CPUWeight=50 true; systemctl daemon-reload');
    expect((await read(`${group(id)}/cpu.max`)).trim()).toBe('10000 100000');
    await berth.requestStop(id);
    await berth.untilStopped(id);
  });
});

describe('an agent that is killed on a host with cgroup v2', () => {
  it('finds its containers again, and how one ended meanwhile', async () => {
    const [staying, ending] = [await berth.run('exec sleep 600'), await berth.run('trap "exit 7" TERM; while :; do sleep 0.2; done')];
    await Promise.all([berth.untilRunning(staying), berth.untilRunning(ending)]);
    const pid = await berth.pidOf(staying);
    await berth.killAgent();
    const endingPid = await berth.pidOf(ending);
    await berth.machine.must(`kill -TERM ${endingPid}; while kill -0 ${endingPid} 2>/dev/null; do sleep 0.2; done`);
    await berth.startAgent();
    expect(await berth.untilStopped(ending)).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 7 }] });
    expect(await berth.task(staying)).toMatchObject({ state: 'running' });
    expect(await berth.pidOf(staying)).toBe(pid);
    await berth.machine.must(`kill -0 ${pid}`);
    await berth.requestStop(staying);
    await berth.untilStopped(staying);
  });
});

describe('a host with cgroup v2 that is restarted', () => {
  it('reports what ran as lost, and runs tasks again', async () => {
    const before = await berth.run('exec sleep 600');
    await berth.untilRunning(before);
    await berth.reboot();
    await berth.startAgent();
    expect(await berth.untilStopped(before)).toMatchObject({ stopCode: 'HostRebooted' });
    const after = await berth.run('echo again');
    expect(await berth.untilStopped(after)).toMatchObject({ containers: [{ exitCode: 0 }] });
  });
});

describe('after the tasks of a host with cgroup v2', () => {
  /** Everything of tasks that the kernel or the disk may still hold. */
  const held = () =>
    berth.machine.must(`
      find ${root}/berth -mindepth 1 -type d
      ls /run/berth/tasks /run/berth/crun
      /berth/agent/bin/berth-agent exec grep -E ' /run/berth/tasks| overlay ' /proc/self/mounts || true
      pgrep -a 'keeper/main|catatonit' || true`);

  it('nothing is left of twenty of them', async () => {
    const before = await held();
    const ids = await berth.runMany('echo done', 20);
    for (const id of ids) expect(await berth.untilStopped(id)).toMatchObject({ containers: [{ exitCode: 0 }] });
    await until(async () => (await held()) === before);
    expect(before).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
  });

  it('nothing at all is left after a teardown', async () => {
    await berth.machine.must('systemctl stop berth-agent; set -a; . /etc/berth-agent.env; exec /berth/agent/bin/berth-agent teardown', {
      timeoutMs: 300_000,
    });
    const left = await berth.machine.must(`
      ls -d ${root}/berth /run/berth /sys/class/net/berth* 2>/dev/null
      nft list tables
      grep berth /proc/self/mounts | grep -v '^/dev/vdb' || true`);
    expect(left.trim()).toBe('');
  });
});

describe('bin/join where there is systemd', () => {
  const options = ['--name second', '--instance second', '--data /var/lib/berth-second'];
  const settings = { BERTH_AGENT_SUBNET: '10.99.0.0/24', BERTH_AGENT_UID_BASE: '1840000000', BERTH_AGENT_POOL_SIZE: '1' };
  const pid = async () => Number(await berth.machine.must('systemctl show --property=MainPID --value berth-agent-second'));
  const active = () => until(async () => (await berth.host('second'))?.state === 'active');

  it('makes the agent a service that begins with the machine', async () => {
    const said = await berth.join([...options, ...Object.entries(settings).map(([name, value]) => `--set ${name}=${value}`)]);
    expect(said).toContain('The agent runs as the service berth-agent-second');
    await active();
    expect((await berth.machine.must('systemctl is-enabled berth-agent-second')).trim()).toBe('enabled');
  });

  it('has systemd start it again when it dies', async () => {
    const first = await pid();
    await berth.machine.must('systemctl kill --kill-whom=main --signal=SIGKILL berth-agent-second');
    await until(async () => ![0, first].includes(await pid()));
    await active();
  });

  it('takes the service away with --leave', async () => {
    await berth.machine.must('/berth/bin/join --leave --data /var/lib/berth-second');
    expect(await berth.machine.must('ls /etc/systemd/system/berth-agent-second.service 2>&1 || true')).toContain('No such file');
    expect(await berth.machine.must('ls -d /var/lib/berth-second /run/second 2>/dev/null || true')).toBe('');
  });
});
