// What tenants bring to a host with cgroup v2 that the machine outside can't have: NFS, for which its kernel has no client,
// images with systemd, which need the one hierarchy, and what is counted and confined there.
import type { Task } from '@berth/contract';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { until } from '../support/runtime-task.js';
import { type JoinedMachine, joinMachine, type TaskRequest } from './joined-machine.js';
import { type OutsideWorld, outsideWorld } from './outside-world.js';

let berth: JoinedMachine;
let world: OutsideWorld;

/** A service that says so in the container's output, for what systemd itself says goes into its journal. */
const announcing = `
[Unit]
Description=Says that the system is up
After=dbus.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "echo announced >/run/announced"
[Install]
WantedBy=multi-user.target
`;

const systemdImage = (directory: string) => ({
  script: `
rm -rf "$m"/*
tar -C "$m" -xf '${directory}/systemd.tar'
cat >"$m/etc/systemd/system/announce.service" <<'END'${announcing}END
ln -s ../announce.service "$m/etc/systemd/system/multi-user.target.wants/announce.service"`,
  config: ['--cmd', '["/sbin/init"]', '--stop-signal', 'SIGRTMIN+3'],
});

beforeAll(async () => {
  const directory = inject('vmImage');
  berth = await joinMachine(directory, { systemd: systemdImage(directory) });
  world = await outsideWorld(berth.machine);
});

afterAll(() => berth?.close());

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(await berth.agentLog());
});

const said = (id: string, text: string) => until(async () => (await berth.log(id).catch(() => '')).includes(text));
const stopped = async (id: string) => {
  await berth.requestStop(id);
  return berth.untilStopped(id);
};

describe('an NFS directory', () => {
  const shared = (server: string, path = world.exported, readOnly = false): TaskRequest => ({
    volumes: [{ name: 'data', nfs: { server, path } }],
    container: { mountPoints: [{ volume: 'data', containerPath: '/data', readOnly }] },
  });
  const mounted = () => berth.machine.must("/berth/agent/bin/berth-agent exec grep -c ' nfs4 ' /proc/self/mounts || true");

  it('is what its host says it can mount', async () => {
    expect((await berth.host())?.attributes.volumes).toBe('local,nfs');
  });

  it('is shared by two tasks, as the server has it, and unmounted when they end', async () => {
    const writer = await berth.run('echo from-the-writer >/data/a; until cat /data/b; do sleep 0.5; done', shared(world.address));
    const reader = await berth.run('until cat /data/a; do sleep 0.5; done; echo from-the-reader >/data/b', shared(world.address));
    expect(await berth.untilStopped(reader)).toMatchObject({ containers: [{ exitCode: 0 }] });
    expect(await berth.untilStopped(writer)).toMatchObject({ containers: [{ exitCode: 0 }] });
    expect([await berth.log(writer), await berth.log(reader)]).toEqual([
      expect.stringContaining('from-the-reader'),
      expect.stringContaining('from-the-writer'),
    ]);
    expect(await berth.machine.must(`cat ${world.exported}/a; stat -c %u ${world.exported}/a`)).toBe('from-the-writer\n1000\n');
    expect((await mounted()).trim()).toBe('0');
  });

  it('goes on for one task when another that used it ends', async () => {
    const busy = await berth.run(
      'i=0; while [ ! -e /data/enough ]; do dd if=/dev/zero of=/data/busy bs=64k count=20 conv=fsync 2>/dev/null || exit 9; i=$((i + 1)); done; echo $i writes',
      shared(world.address),
    );
    await berth.untilRunning(busy);
    for (let n = 0; n < 5; n++) await berth.untilStopped(await berth.run('ls /data', shared(world.address)));
    await berth.machine.must(`touch ${world.exported}/enough`);
    expect(await berth.untilStopped(busy)).toMatchObject({ containers: [{ exitCode: 0 }] });
    expect(await berth.log(busy)).toMatch(/^\d+ writes$/);
  });

  it('can’t be written where it is mounted read-only', async () => {
    await berth.machine.must(`echo kept >${world.exported}/kept`);
    const id = await berth.run(
      'cat /data/kept; (echo x >/data/kept) 2>/dev/null || echo refused',
      shared(world.address, world.exported, true),
    );
    await berth.untilStopped(id);
    expect(await berth.log(id)).toBe('kept\nrefused');
    expect(await berth.machine.must(`cat ${world.exported}/kept`)).toBe('kept\n');
  });

  it('of a server that does not answer fails the task in words, and holds up nobody else', async () => {
    const hanging = await berth.run('true', shared(world.silent));
    const other = await berth.run('echo on');
    expect(await berth.untilStopped(other)).toMatchObject({ containers: [{ exitCode: 0 }] });
    expect((await berth.task(hanging)).state).not.toBe('stopped');
    const { stopCode, stopReason } = await berth.untilStopped(hanging);
    expect({ stopCode, stopReason }).toMatchObject({
      stopCode: 'TaskFailedToStart',
      stopReason: expect.stringContaining(`The NFS server ${world.silent} could not be used: `),
    });
    expect(stopReason).toMatch(/timed out|did not answer/i);
    expect(stopReason).not.toContain('/run/berth');
  });

  it.each([
    ['that the server does not export', () => shared(world.address, '/srv/other'), /it has no \/srv\/other\.$/],
    ['of the host itself', () => shared('10.0.2.15'), /10\.0\.2\.15 is the host itself/],
  ])('%s fails the task in words', async (_what, request, reason) => {
    const { stopCode, stopReason } = await berth.untilStopped(await berth.run('true', request()));
    expect({ stopCode, stopReason }).toMatchObject({ stopCode: 'TaskFailedToStart', stopReason: expect.stringMatching(reason) });
  });

  it('whose server is cut off is let go of, with the task that uses it', async () => {
    const id = await berth.run('echo using; while :; do date >/data/now; done', shared(world.address));
    await said(id, 'using');
    await world.cable('down');
    try {
      expect(await stopped(id)).toMatchObject({ stopCode: 'UserInitiated' });
      expect((await mounted()).trim()).toBe('0');
    } finally {
      await world.cable('up');
    }
  });
});

describe('what a task sends to the outside', () => {
  it('is counted to the byte, and billed', async () => {
    const [pings, payload, headers] = [20, 1000, 28];
    const id = await berth.run(`ping -q -c ${pings} -s ${payload} ${world.address}`, { container: { capabilities: { add: ['NET_RAW'] } } });
    expect(await berth.untilStopped(id)).toMatchObject({ containers: [{ exitCode: 0 }] });
    const line = await until(async () => (await berth.cost(id)).lines.find(({ dimension }) => dimension === 'egress'));
    expect(Math.round(Number(line.quantity) * 2 ** 30)).toBe(pings * (payload + headers));
  });
});

describe('an image with systemd', () => {
  const server: TaskRequest = {
    cpuMillis: 1000,
    memoryMiB: 256,
    pidsLimit: 256,
    container: {
      image: 'systemd',
      command: ['/sbin/init'],
      init: false,
      delegateCgroup: true,
      tmpfs: [
        { path: '/run', sizeMiB: 32, mode: '755', exec: true },
        { path: '/run/lock', sizeMiB: 4 },
        { path: '/tmp', sizeMiB: 32 },
      ],
      stopTimeoutSeconds: 120,
      // By a program that joins control groups that systemd has made, as every session does.
      healthCheck: { command: ['systemctl', 'is-system-running', '--wait'], timeoutSeconds: 60 },
    },
  };
  const inside = (id: string, command: string) =>
    berth.machine.must(
      `/berth/agent/bin/berth-agent exec nsenter -t $(cat /run/berth/tasks/${id}/containers/main/pid) -a sh -c '${command}' 2>&1 || true`,
    );
  const settled = (task: string) =>
    until(async () => {
      const found = await berth.task(task);
      return (['healthy', 'unhealthy'].includes(found.health) || found.state === 'stopped') && found;
    });
  let id: string;

  it('comes up as it does on a machine of its own', async () => {
    id = await berth.run('', server);
    const { health } = await settled(id);
    expect({ health, failed: await inside(id, 'systemctl --failed --plain --no-legend') }).toEqual({ health: 'healthy', failed: '' });
    expect(await inside(id, 'cat /run/announced; systemctl is-active announce dbus systemd-journald')).toBe(
      'announced\nactive\nactive\nactive\n',
    );
  });

  it('has control groups of its own, and its limits out of reach', async () => {
    const group = `/sys/fs/cgroup/berth/${id}/main`;
    expect(await berth.machine.must(`cat ${group}/init.scope/cgroup.procs`)).toBe(`${await berth.pidOf(id)}\n`);
    const owned = await berth.machine.must(`cd ${group} && find . -maxdepth 1 ! -uid 0 | sort | grep -v -e slice -e scope`);
    expect(owned.trim().split('\n')).toEqual(['.', './cgroup.procs', './cgroup.subtree_control', './cgroup.threads']);
    for (const file of ['memory.max', 'pids.max', 'cpu.max', 'cgroup.max.descendants', 'cgroup.kill'])
      expect(await inside(id, `echo 1 >/sys/fs/cgroup/${file}`)).toMatch(/denied/i);
    expect(await inside(id, 'mkdir /sys/fs/cgroup/more && rmdir /sys/fs/cgroup/more && echo made')).toBe('made\n');
  });

  it('can make so many control groups and no more', async () => {
    const descendants = 'sed -n "s/^nr_descendants //p" /sys/fs/cgroup/cgroup.stat';
    const many = await inside(id, `mkdir $(seq -f /sys/fs/cgroup/n%g 1000) 2>/dev/null; ${descendants}`);
    expect(many).toBe('1000\n');
    const deep = Array.from({ length: 17 }, (_, depth) => depth + 1);
    await inside(id, `rmdir /sys/fs/cgroup/n*; mkdir -p /sys/fs/cgroup/${deep.join('/')} 2>/dev/null`);
    expect(await inside(id, 'find /sys/fs/cgroup/1 -mindepth 15 -type d')).toBe(`/sys/fs/cgroup/${deep.slice(0, 16).join('/')}\n`);
  });

  it('stops by its own stop signal', async () => {
    const task: Task = await stopped(id);
    expect(task).toMatchObject({ stopCode: 'UserInitiated', containers: [{ exitCode: 0, signal: null }] });
  });

  it('speaks to its terminal until it ends', async () => {
    const withTerminal = await berth.run('', { ...server, container: { ...server.container, tty: true } });
    expect((await settled(withTerminal)).health).toBe('healthy');
    expect(await stopped(withTerminal)).toMatchObject({ containers: [{ exitCode: 0, signal: null }] });
    const log = await berth.log(withTerminal);
    expect(log).toMatch(/Reached target.*Multi-User/i);
    expect(log).toMatch(/Reached target.*(Shutdown|Power)/i);
  });
});
