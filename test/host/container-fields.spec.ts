// Each field of a container, seen from inside a real one: that it says what was asked for, and what it can't say.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
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
const said = async (script: string, more = {}) => (await runToEnd(host, sh(script, more))).stdout;
/** A control group's file on the host, whichever version there is. */
const group = (v1: string, v2: string) => host.sh(`cd /sys/fs/cgroup; cat ${v1} 2>/dev/null || cat ${v2}`);

describe('names', () => {
  it('has a host name of its own beside the task’s', async () => {
    const task = { ...sh('hostname; cat /etc/hostname; echo $HOSTNAME; cat /etc/hosts', { hostname: 'api.example' }), name: 'web' };
    const address = await startTask(host, task);
    await exitOf(host, task.taskId);
    const lines = (await host.call.logs(task.taskId, {})).map((line) => line.text);
    await host.call.cleanup(task.taskId);
    expect(lines.slice(0, 3)).toEqual(['api.example', 'api.example', 'api.example']);
    expect(lines).toEqual(expect.arrayContaining([`${address}\tweb`, `${address}\tapi.example api`]));
  });

  it('finds extra hosts by name', async () => {
    const extraHosts = [{ hostname: 'db.internal', address: '203.0.113.9' }];
    expect(await said('grep db.internal /etc/hosts; ping -c 1 -W 1 db.internal | head -1', { extraHosts })).toMatch(
      /^203\.0\.113\.9\tdb\.internal\nPING db\.internal \(203\.0\.113\.9\)/,
    );
  });

  it('asks the name servers it wants', async () => {
    const dns = { servers: ['203.0.113.53', '203.0.113.54'], search: ['example.com'], options: ['ndots:3'] };
    const text = await said('cat /etc/resolv.conf', { dns });
    expect(text.split('\n').slice(0, 4)).toEqual([
      ...['nameserver 203.0.113.53', 'nameserver 203.0.113.54', 'search example.com', 'options ndots:3'],
    ]);
    expect(text.match(/nameserver/g)).toHaveLength(2);
  });
});

describe('limits', () => {
  it('has the ulimits it asks for, as far as the host has them', async () => {
    const ulimits = [
      { name: 'nofile' as const, soft: 100, hard: 200 },
      { name: 'core' as const, soft: 4096, hard: -1 },
      { name: 'memlock' as const, soft: -1, hard: -1 },
    ];
    const limits = await said('grep -E "open files|core file|locked" /proc/self/limits', { ulimits });
    expect(limits).toMatch(/Max open files\s+100\s+200\s/);
    expect(limits).toMatch(/Max core file size\s+4096\s/);
    // The driver's own is the ceiling.
    const ceiling = (await host.sh("awk '/locked/ {print $5}' /proc/self/limits")).trim();
    expect(/Max locked memory\s+\S+\s+(\S+)/.exec(limits)?.[1]).toBe(ceiling === 'unlimited' ? String(Number.MAX_SAFE_INTEGER) : ceiling);
  });

  it('starts with the least there is, and its limits say so', async () => {
    const task = { ...sh('echo small; sleep 60'), cpuMillis: 10, memoryMiB: 16, pidsLimit: 16 };
    await startTask(host, task);
    await until(async () => (await host.call.logs(task.taskId, {})).length > 0);
    const at = `${host.instance}/${task.taskId}`;
    expect(await group(`memory/${at}/memory.limit_in_bytes`, `${at}/memory.max`)).toBe(`${16 * 1024 * 1024}\n`);
    expect(await group(`cpu/${at}/cpu.cfs_quota_us`, `${at}/cpu.max`)).toMatch(/^1000\b/);
    await host.call.cleanup(task.taskId);
  });

  it('has CPU as a share and no limit when it may use what is to spare', async () => {
    const tasks = [
      { ...sh('sleep 60'), cpuMillis: 500 },
      { ...sh('sleep 60'), cpuMillis: 500, cpuBurst: true },
    ];
    const quotas: string[] = [];
    for (const task of tasks) {
      await startTask(host, task);
      const at = `${host.instance}/${task.taskId}`;
      quotas.push((await group(`cpu/${at}/cpu.cfs_quota_us`, `${at}/cpu.max`)).split(/\s/)[0] ?? '');
      expect((await group(`cpu/${at}/cpu.shares`, `${at}/cpu.weight`)).trim()).toMatch(/^(512|50)$/);
      await host.call.cleanup(task.taskId);
    }
    expect(quotas[0]).toBe('50000');
    expect(quotas[1]).toMatch(/^(-1|max)$/);
  });

  it('weighs its disk, where the kernel has a file for it', async (context) => {
    const task = { ...sh('sleep 60'), blockIoWeight: 300 };
    await startTask(host, task);
    const at = `${host.instance}/${task.taskId}`;
    const files = [`blkio/${at}/blkio.bfq.weight`, `${at}/io.bfq.weight`, `${at}/io.weight`].map((file) => `/sys/fs/cgroup/${file}`);
    const found = await host.sh(`cat ${files.join(' ')} 2>/dev/null || true`);
    await host.call.cleanup(task.taskId);
    context.skip(found === '', 'this kernel has no weights for disks');
    expect(found).toMatch(/^(default )?300$/m);
  });
});

describe('memory', () => {
  it('is to be had as directories, of the size, mode and owner asked for', async () => {
    const tmpfs = [
      { path: '/var/cache/deep', sizeMiB: 1, mode: '0700', uid: 0, gid: 0, exec: true },
      { path: '/var/cache', sizeMiB: 4, mode: '0750', uid: 1000, gid: 1001, exec: false },
    ];
    const script = `
      stat -c '%a %u:%g' /var/cache /var/cache/deep; grep ' /var/cache' /proc/mounts | cut -d' ' -f2-4
      dd if=/dev/zero of=/var/cache/x bs=1M count=5 2>&1 | grep -o 'No space left.*'
      cp /bin/busybox /var/cache/deep/true && /var/cache/deep/true; echo ran
      cp /bin/busybox /var/cache/true; /var/cache/true || echo refused`;
    const lines = (await said(script, { tmpfs, memoryMiB: 32 })).trim().split('\n');
    expect(lines.slice(0, 2)).toEqual(['750 1000:1001', '700 0:0']);
    expect(lines[2]).toMatch(/^\/var\/cache tmpfs (?=.*nosuid)(?=.*nodev)(?=.*noexec).*size=4096k/);
    expect(lines[3]).toMatch(/^\/var\/cache\/deep tmpfs (?!.*noexec).*size=1024k/);
    expect(lines.slice(4)).toEqual(['No space left on device', 'ran', 'refused']);
  });

  it('is /dev/shm of the size asked for, else 64 MiB', async () => {
    expect(await said("df -m /dev/shm | awk 'NR==2 {print $2}'", { shmSizeMiB: 8 })).toBe('8\n');
    expect(await said("df -m /dev/shm | awk 'NR==2 {print $2}'")).toBe('64\n');
  });
});

describe('kernel settings', () => {
  it('are set in the container’s own namespaces, and stay as they are outside and next door', async () => {
    const sysctls = {
      ...{ 'net.core.somaxconn': '777', 'net.ipv4.ip_local_port_range': '20000 30000', 'net.ipv4.tcp_keepalive_time': '33' },
      ...{ 'kernel.shmmax': '123456', 'kernel.msgmax': '4096', 'kernel.sem': '100 200 30 40', 'fs.mqueue.msg_max': '7' },
    };
    const files = Object.keys(sysctls).map((name) => `/proc/sys/${name.replaceAll('.', '/')}`);
    const before = await host.sh(`cat ${files.join(' ')}`);
    const inside = (await said(`cat ${files.join(' ')}`, { sysctls })).trim().split('\n');
    expect(inside.map((line) => line.replace(/\s+/g, ' '))).toEqual(Object.values(sysctls));
    expect(await host.sh(`cat ${files.join(' ')}`)).toBe(before);
    expect(await said('cat /proc/sys/net/core/somaxconn')).not.toBe('777\n');
  });

  it('can’t be changed from inside', async () => {
    expect(await said('echo 5 >/proc/sys/net/core/somaxconn || echo refused')).toBe('refused\n');
  });
});

describe('capabilities', () => {
  const held = (more = {}) => said("awk '/CapBnd|CapEff/ {print $2}' /proc/self/status", more);

  it('are none after a drop of all', async () => {
    expect(await held({ capabilities: { add: [], drop: ['ALL'] } })).toBe(`${'0'.repeat(16)}\n`.repeat(2));
  });

  it('are those asked for, and do what they are for', async () => {
    // NET_RAW is bit 13; traceroute listens on a raw socket.
    const trace = 'traceroute -m 1 -w 1 127.0.0.1 2>/dev/null | grep -c localhost';
    expect(await held({ capabilities: { add: ['NET_RAW'], drop: ['ALL'] } })).toBe(`${'2000'.padStart(16, '0')}\n`.repeat(2));
    expect(await said(trace)).toBe('0\n');
    expect(await said(trace, { capabilities: { add: ['NET_RAW'], drop: [] } })).not.toBe('0\n');
  });

  it('keep root from what they are dropped for', async () => {
    const script = 'chown 1000 /tmp 2>/dev/null && echo changed || echo refused';
    expect(await said(script)).toBe('changed\n');
    expect(await said(script, { capabilities: { add: [], drop: ['CHOWN'] } })).toBe('refused\n');
  });
});

describe('a terminal', () => {
  it('is what it talks to when it asks for one, and its output comes as lines', async () => {
    const script = 'tty; test -t 0 -a -t 1 -a -t 2 && echo terminal; echo $TERM; echo error >&2; exit 3';
    const { exit, stdout } = await runToEnd(host, sh(script, { tty: true }));
    expect(exit).toMatchObject({ exitCode: 3, runtimeFailure: null });
    expect(stdout.replaceAll('\r', '')).toBe('/dev/pts/0\nterminal\nxterm\nerror\n');
    expect(await said('test -t 1 || echo none')).toBe('none\n');
  });

  it('is there again for a program that had closed it', async () => {
    // Without the small init, which holds it open.
    const script = 'exec </dev/null >/dev/null 2>&1; sleep 1; echo back >/dev/console || exit 4';
    const { exit, stdout } = await runToEnd(host, sh(script, { tty: true, init: false }));
    expect({ exit: exit.exitCode, stdout }).toEqual({ exit: 0, stdout: 'back\r\n' });
  });

  it('is read to its very end', async () => {
    const script =
      'i=0; while [ $i -lt 5000 ]; do echo "line $i of some length, so that it is more than one read"; i=$((i+1)); done; echo end';
    for (let turn = 0; turn < 5; turn++) {
      const { stdout } = await runToEnd(host, sh(script, { tty: true }));
      expect(stdout.replaceAll('\r', '').slice(-70)).toMatch(/\nline 4999 of some length, so that it is more than one read\nend\n$/);
    }
  });
});

describe('the end', () => {
  it('comes by any signal that has a name', async () => {
    for (const [signal, number] of [
      ['SIGRTMIN+3', 37],
      ['SIGWINCH', 28],
    ] as const) {
      const container = containerSpec(image, ['sh', '-c', `trap "echo got; exit 9" ${number}; echo ready; while :; do sleep 0.1; done`], {
        stopSignal: signal,
        init: false,
      });
      const task = taskSpec([container]);
      await startTask(host, task);
      await until(async () => (await host.call.logs(task.taskId, {})).length > 0);
      await host.call.stopContainer(task.taskId, container);
      expect(await exitOf(host, task.taskId)).toMatchObject({ exitCode: 9 });
      await host.call.cleanup(task.taskId);
    }
  });
});

describe('an image with links in the way', () => {
  const push = (name: string, script: string) => registry.push(name, { script });
  const refusal = async (reference: string, more = {}) => {
    const task = taskSpec([containerSpec(reference, ['cat', '/etc/passwd'], more)]);
    const error = await startTask(host, task).then(
      () => null,
      (failure: Error & { stopCode?: string }) => failure,
    );
    await host.call.cleanup(task.taskId);
    return error;
  };

  it.each(['dev', 'proc', 'sys'])('in place of /%s is refused in words', async (directory) => {
    const trap = await push(`trap-${directory}`, `rm -rf $m/${directory}; mkdir $m/fake; ln -s /fake $m/${directory}`);
    expect(await refusal(trap)).toMatchObject({
      stopCode: 'TaskFailedToStart',
      message: expect.stringContaining(`its image has a link to /fake in place of /${directory}`),
    });
  });

  describe('that lead elsewhere', () => {
    let traps: string;
    const cache = (path: string) => ({ tmpfs: [{ path, sizeMiB: 1, mode: '1777', uid: 0, gid: 0, exec: false }] });

    beforeAll(async () => {
      const links = [
        ...['ln -s /proc $m/to-proc', 'ln -s ../sys/kernel $m/to-sys', 'ln -s / $m/to-root'],
        ...['mkdir $m/etc/berth-test', 'ln -s ../../../../../../../../etc/berth-test $m/out'],
        ...[0, 3, 8].map((fd) => `ln -s /proc/self/fd/${fd} $m/work${fd}`),
      ];
      traps = await push('traps', links.join('; '));
    });

    it.each(['/to-proc', '/to-sys', '/to-root'])('at the target %s of a mount are refused', async (path) => {
      expect((await refusal(traps, cache(path)))?.message).toContain(`leads ${path} to`);
    });

    it('at the target of a mount stay inside the image, whatever they say', async () => {
      const before = await host.sh('ls -la /etc | sha256sum; ls / | sha256sum');
      const script = 'echo x >/out/written; grep berth-test /proc/mounts | cut -d" " -f2';
      const { stdout } = await runToEnd(host, taskSpec([containerSpec(traps, ['sh', '-c', script], cache('/out'))]));
      expect(stdout).toBe('/etc/berth-test\n');
      expect(await host.sh('ls -la /etc | sha256sum; ls / | sha256sum')).toBe(before);
    });

    it('as a working directory give nobody’s descriptor away', async () => {
      for (const fd of [0, 3, 8]) {
        expect((await refusal(traps, { workingDirectory: `/work${fd}` }))?.message).toMatch(/working directory \/work\d leads to \/proc/);
      }
      expect((await refusal(traps, { workingDirectory: '/dev/fd/8' }))?.message).toMatch(/working directory \/dev\/fd\/8 is in/);
    });
  });

  it('in place of /etc/passwd and /etc/hosts shows nothing of the host', async () => {
    const before = await host.sh('sha256sum /etc/shadow /etc/hosts');
    const trap = await push(
      'trap-etc',
      'rm $m/etc/passwd; ln -s /../../../../etc/shadow $m/etc/passwd; ln -s ../../../../etc/shadow $m/etc/hosts; echo image >$m/etc/shadow',
    );
    const task = taskSpec([containerSpec(trap, ['sh', '-c', 'cat /etc/passwd; grep -c localhost /etc/hosts'])]);
    // The file of hosts lies over what its link leads to, inside the image.
    expect((await runToEnd(host, task)).stdout).toMatch(/localhost(.|\n)*\n1\n$/);
    expect(await host.sh('sha256sum /etc/shadow /etc/hosts')).toBe(before);
  });
});
