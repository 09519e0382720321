// Attacks from inside a container. Each has its control: the same attempt where it is allowed must succeed.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyLibraries } from '../support/copy-libraries.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, exitOf, runToEnd, startTask, taskSpec, until } from '../support/runtime-task.js';

const run = promisify(execFile);
let registry: TestRegistry;
let host: RuntimeHost;
let image: string;

/** Perl can make any system call, and is on every Debian. */
const withPerl = `
${copyLibraries('$m', '/usr/bin/perl')}
cp /usr/bin/perl $m/bin/perl
`;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('perl', { script: withPerl });
  host = await runtimeHost({ insecureRegistries: [registry.address] });
  await host.call.start([]);
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

const sh = (script: string, more = {}) => taskSpec([containerSpec(image, ['sh', '-c', script], more)]);
const eperm = 1;
const enosys = 38;
const eafnosupport = 97;

type Numbers = Record<
  'unshare' | 'setns' | 'mount' | 'bpf' | 'perf' | 'userfaultfd' | 'addKey' | 'keyctl' | 'personality' | 'socket' | 'clone',
  number
>;
const numbers: Record<string, Numbers> = {
  x64: {
    unshare: 272,
    setns: 308,
    mount: 165,
    bpf: 321,
    perf: 298,
    userfaultfd: 323,
    addKey: 248,
    keyctl: 250,
    personality: 135,
    socket: 41,
    clone: 56,
  },
  arm64: {
    unshare: 97,
    setns: 268,
    mount: 40,
    bpf: 280,
    perf: 241,
    userfaultfd: 282,
    addKey: 217,
    keyctl: 219,
    personality: 92,
    socket: 198,
    clone: 220,
  },
};
const n = numbers[process.arch] as Numbers;
const newUser = 0x10000000;

/** [what, arguments, errno inside]. */
const refusals: [string, (number | string)[], number][] = [
  ['unshare of a user namespace', [n.unshare, newUser], eperm],
  ['unshare of a mount namespace', [n.unshare, 0x20000], eperm],
  ['clone into a user namespace', [n.clone, newUser | 17, 0, 0, 0, 0], enosys],
  ['clone3', [435, 0, 0], enosys],
  ['mount', [n.mount, 'none', '/tmp', 'tmpfs', 0, 0], eperm],
  ['open_tree', [428, -100, '/', 1], eperm],
  ['fsopen', [430, 'tmpfs', 0], eperm],
  ['setns', [n.setns, 0, 0], eperm],
  ['bpf', [n.bpf, 0, 0, 0], eperm],
  ['perf_event_open', [n.perf, 0, 0, -1, -1, 0], eperm],
  ['userfaultfd', [n.userfaultfd, 1], eperm],
  ['io_uring_setup', [425, 1, 0], eperm],
  ['add_key', [n.addKey, 'user', 'berth-test', 'x', 1, -3], eperm],
  ['keyctl', [n.keyctl, 0, -3, 0], eperm],
  ['personality without randomisation', [n.personality, 0x0040000], enosys],
  ['a socket to the hypervisor (AF_VSOCK)', [n.socket, 40, 1, 0], eafnosupport],
  ['a kernel crypto socket (AF_ALG)', [n.socket, 38, 5, 0], eafnosupport],
  ['a packet socket', [n.socket, 17, 3, 0], eafnosupport],
  ['a raw socket', [n.socket, 2, 3, 1], eperm],
  ['a call no kernel has', [999], enosys],
];

/** Prints one errno a line, 0 for success. */
function probeProgram(calls: readonly (readonly (number | string)[])[]): string {
  const list = calls.map((call) => `[${call.map((argument) => (typeof argument === 'string' ? `"${argument}"` : argument)).join(',')}]`);
  return `for my $c (${list.join(',')}) { $! = 0; my $r = syscall($c->[0], @$c[1..$#$c]); print $r < 0 ? $!+0 : 0, "\\n"; exit if $r == 0 && $c->[0] == ${n.clone}; }`;
}

describe('system calls', () => {
  it('refuses those that open the kernel up', async () => {
    const { stdout } = await runToEnd(
      host,
      taskSpec([containerSpec(image, ['perl', '-e', probeProgram(refusals.map(([, call]) => call))])]),
    );
    const found = stdout.trim().split('\n').map(Number);
    expect(refusals.map(([what], index) => [what, found[index]])).toEqual(refusals.map(([what, , errno]) => [what, errno]));
  });

  it('would find some of them open without the filter (control)', async () => {
    const open = ['unshare of a user namespace', 'io_uring_setup', 'add_key', 'keyctl', 'personality without randomisation'];
    const calls = refusals.filter(([what]) => open.includes(what));
    const { stdout } = await run('perl', ['-e', probeProgram(calls.map(([, call]) => call))]);
    for (const errno of stdout.trim().split('\n').map(Number)) expect([eperm, enosys]).not.toContain(errno);
  });

  it('allows what ordinary programs do', async () => {
    const calls: [string, (number | string)[]][] = [
      ['a TCP socket', [n.socket, 2, 1, 0]],
      ['a UNIX socket', [n.socket, 1, 1, 0]],
      ['asking for the personality', [n.personality, 0xffffffff]],
    ];
    const { stdout } = await runToEnd(host, taskSpec([containerSpec(image, ['perl', '-e', probeProgram(calls.map(([, call]) => call))])]));
    expect(stdout).toBe('0\n0\n0\n');
  });
});

describe('privileges', () => {
  it('are a small set, with nothing to pass on and nothing to gain', async () => {
    const { stdout } = await runToEnd(host, sh('grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status'));
    const status = new Map(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/:\s+/) as [string, string]),
    );
    // CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, KILL 5, SETGID 6, SETUID 7, SETPCAP 8, NET_BIND_SERVICE 10, SYS_CHROOT 18, SETFCAP 31
    const expected = [0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31]
      .reduce((sum, bit) => sum + 2 ** bit, 0)
      .toString(16)
      .padStart(16, '0');
    expect(status.get('CapBnd')).toBe(expected);
    expect(status.get('CapEff')).toBe(expected);
    expect([status.get('CapInh'), status.get('CapAmb')]).toEqual(['0'.repeat(16), '0'.repeat(16)]);
    expect([status.get('NoNewPrivs'), status.get('Seccomp')]).toEqual(['1', '2']);
  });

  it('are none for a user that is not root', async () => {
    const { stdout } = await runToEnd(host, sh('grep CapEff /proc/self/status; mknod /tmp/m b 8 0 || echo refused', { user: 'app' }));
    expect(stdout).toContain('CapEff:\t0000000000000000');
    expect(stdout).toContain('refused');
  });

  it('does not reach the kernel’s own settings and secrets', async () => {
    const script = `
      for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do [ -z "$(head -c 1 $f 2>/dev/null)" ] && echo "empty $f"; done
      ls /sys/firmware | wc -l
      echo x >/proc/sys/kernel/core_pattern || echo "core_pattern refused"
      echo b >/proc/sysrq-trigger || echo "sysrq refused"
      echo 0 >/sys/fs/cgroup/memory/memory.limit_in_bytes || echo "limit refused"
      echo x >/sys/fs/cgroup/memory/release_agent || echo "release_agent refused"
      mknod /tmp/disk b 8 0 || echo "mknod refused"`;
    const { stdout } = await runToEnd(host, sh(script));
    for (const path of ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/interrupts']) expect(stdout).toContain(`empty ${path}\n`);
    expect(stdout).toContain('\n0\n');
    for (const what of ['core_pattern', 'sysrq', 'limit', 'release_agent', 'mknod']) expect(stdout).toContain(`${what} refused`);
    // The control: on the host the same files are there to be read.
    expect((await host.sh('head -c 1 /proc/timer_list | wc -c')).trim()).toBe('1');
  });

  it('has only its standard descriptors open, and its own control group as the root of all', async () => {
    const { stdout } = await runToEnd(
      host,
      taskSpec([
        containerSpec(image, ['sh', '-c', 'ls /proc/1/fd | tr "\\n" " "; echo; cut -d: -f3 /proc/self/cgroup | sort -u'], { init: false }),
      ]),
    );
    expect(stdout).toMatch(/^0 1 2 (3 )?(10 )?\n\/\n$/);
  });
});

describe('hostile images', () => {
  it('gain nothing by links in place of /etc/passwd, /dev or /etc/hosts', async () => {
    const trap = await registry.push('trap', {
      script: `rm $m/etc/passwd; ln -s /../../../../../../etc/shadow $m/etc/passwd; ln -s /proc/1/root/etc/shadow $m/etc/group2; rm -rf $m/dev; ln -s /tmp $m/dev; ln -s /etc/shadow $m/etc/hosts`,
    });
    const before = await host.sh('sha256sum /etc/shadow; ls -la /tmp | grep -c "^[bc]" || true');
    const task = taskSpec([containerSpec(trap, ['sh', '-c', 'cat /etc/passwd /etc/hosts; true'])]);
    const { stdout } = await runToEnd(host, task).catch((error: Error) => ({ stdout: error.message }));
    expect(stdout).not.toMatch(/root:[$*!]/);
    expect(await host.sh('sha256sum /etc/shadow; ls -la /tmp | grep -c "^[bc]" || true')).toBe(before);
  });
});

/** The file that names a task's network namespace. */
async function networkOf(taskId: string): Promise<string> {
  const record = JSON.parse(await host.sh(`cat /run/${host.instance}/tasks/${taskId}/sandbox.json`)) as { slot: number };
  return `/run/${host.instance}/slots/${record.slot}/net`;
}

describe('the network', () => {
  const listener = 'echo up; while :; do echo hello | nc -l -p 8080; done';

  it('lets no task reach another, not even by way of the host', async () => {
    const [server, attacker] = [sh(listener), sh('sleep 600')];
    const address = await startTask(host, server);
    const attackersAddress = await startTask(host, attacker);
    await until(async () => (await host.call.logs(server.taskId, {})).length > 0);
    const visit = `busybox nc -w 2 ${address} 8080 </dev/null || echo refused`;
    // Root of the host helps both: each takes the bridge for the other, so that only the firewall is in the way.
    const inside = `nsenter --net=${await networkOf(attacker.taskId)}`;
    const bridge = (await host.sh(`cat /sys/class/net/${host.instance}0/address`)).trim();
    expect(await host.sh(visit)).toBe('hello\n');
    expect(await host.sh(`${inside} ${visit}`)).toBe('refused\n');
    await host.sh(`${inside} ip neigh replace ${address} lladdr ${bridge} dev eth0`);
    await host.sh(`nsenter --net=${await networkOf(server.taskId)} ip neigh replace ${attackersAddress} lladdr ${bridge} dev eth0`);
    expect(await host.sh(`${inside} ${visit}`)).toBe('refused\n');
    // The control: without the table that way is open.
    await host.sh(`nft list table inet ${host.instance} >/run/${host.instance}/table && nft delete table inet ${host.instance}`);
    expect(await host.sh(`${inside} ${visit}; nft -f /run/${host.instance}/table; rm /run/${host.instance}/table`)).toBe('hello\n');
    for (const task of [server, attacker]) await host.call.cleanup(task.taskId);
  });

  it('lets no task reach the host: neither its addresses nor what listens on its loopback', async () => {
    const port = registry.address.split(':')[1];
    const own = (await host.sh("ip -4 -o route get 192.0.2.250 | sed 's/.*src \\([0-9.]*\\).*/\\1/'")).trim();
    const { stdout } = await runToEnd(
      host,
      sh(`
        gw=$(ip route | sed -n 's/default via \\([0-9.]*\\).*/\\1/p')
        for target in $gw 127.0.0.1 ${own} 169.254.169.254; do
          nc -w 2 $target ${port} </dev/null && echo "reached $target"
        done
        ping -c 1 -W 1 $gw >/dev/null && echo "pinged $gw"; echo done`),
    );
    expect(stdout).toBe('done\n');
    // The control: the registry does answer on the host.
    await expect(fetch(`http://${registry.address}/v2/`)).resolves.toMatchObject({ status: 200 });
  });

  it('drops what a task sends under another address', async () => {
    const task = sh('sleep 60');
    const address = await startTask(host, task);
    const inside = `nsenter --net=${await networkOf(task.taskId)}`;
    const gateway = address.replace(/\.\d+$/, '.1');
    const forged = address.replace(/\.(\d+)$/, '.77');
    const arrived = async () => Number((await host.sh(`cat /sys/class/net/${host.instance}0/statistics/rx_packets`)).trim());
    const send = `${inside} busybox ping -c 3 -W 1`;
    const before = await arrived();
    await host.sh(`${send} ${gateway} || true`);
    // The control: under its own address packets do arrive at the bridge (where the host then ignores them).
    const honest = await arrived();
    expect(honest).toBeGreaterThan(before);
    await host.sh(`${inside} ip addr flush dev eth0; ${inside} ip addr add ${forged}/24 dev eth0; ${send} ${gateway} || true`);
    expect(await arrived()).toBe(honest);
    await host.call.cleanup(task.taskId);
  });

  it('reaches what lies beyond the host, under the host’s address', async () => {
    // A namespace of its own plays the world beyond; nothing of the machine's real network is needed.
    const world = `${host.instance}w`;
    await host.sh(
      `ip netns add ${world} && ip link add ${world} type veth peer name out netns ${world} && ip addr add 198.51.100.1/24 dev ${world} && ip link set ${world} up && ip -n ${world} addr add 198.51.100.2/24 dev out && ip -n ${world} link set out up && ip -n ${world} link set lo up`,
    );
    await host.sh(`ip netns exec ${world} busybox nc -l -p 9090 -e /bin/busybox echo 'the world' >/dev/null 2>&1 & true`);
    try {
      // The world knows no way back to the tasks' addresses: an answer comes only because it sees the host's.
      const { stdout } = await runToEnd(
        host,
        sh('for i in 1 2 3 4 5 6 7 8 9 10; do nc -w 2 198.51.100.2 9090 </dev/null && break; sleep 0.3; done'),
      );
      expect(stdout).toBe('the world\n');
    } finally {
      await host.sh(`ip netns pids ${world} | xargs -r kill -9; ip netns del ${world}`);
    }
  });
});

describe('a task that ends', () => {
  it('leaves a writable layer to nobody', async () => {
    const task = sh('echo secret >/root/secret');
    await startTask(host, task);
    await exitOf(host, task.taskId);
    const secrets = `find /run/${host.instance}/slots -name secret`;
    const disk = (await host.sh(secrets)).match(/\/slots\/(\d+)\/disk\//)?.[1];
    expect(disk).toBeDefined();
    const image = `find ${host.dataDirectory}/disks -name ${disk}.img`;
    expect(await host.sh(image)).not.toBe('');
    await host.call.cleanup(task.taskId);
    await expect.poll(async () => [await host.sh(secrets), await host.sh(image)], { timeout: 10_000 }).toEqual(['', '']);
  });
});
