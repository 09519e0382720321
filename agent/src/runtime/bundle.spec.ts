import type { ContainerSpec, TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../../test/tasks.js';
import { type BundleInput, bundleFor, maskedPaths, readonlyPaths } from './bundle.js';
import { bundleFault } from './check-bundle.js';
import type { ImageConfig } from './image-store.js';
import { seccompProfile } from './seccomp.js';

const image: ImageConfig = {
  entryPoint: ['/entry'],
  command: ['serve'],
  environment: ['PATH=/img/bin', 'MODE=image'],
  user: '',
  workingDirectory: '/srv',
  stopSignal: null,
};
const container = containerSpec({ command: null, environment: { MODE: 'definition' } });
const task = taskSpec({ taskId: '3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c' as TaskId, containers: [container] });
const directory = '/run/berth/tasks/x';

function input(more: Partial<ContainerSpec> = {}, change: Partial<BundleInput> = {}): BundleInput {
  return {
    task,
    container: { ...container, ...more },
    image,
    user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
    places: {
      rootfs: `${directory}/containers/main/rootfs`,
      userNamespace: '/run/berth/slots/1/user',
      networkNamespace: '/run/berth/slots/1/net',
      cgroup: 'berth/x/main',
      files: `${directory}/files`,
      init: '/usr/bin/catatonit',
    },
    seccomp: seccompProfile('x64'),
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1, hard: 2 }],
    ...change,
  };
}

const allowed = { directories: [directory], files: ['/usr/bin/catatonit'], rlimits: { RLIMIT_NOFILE: 2 }, delegatedCgroup: false };
const faultOf = (bundle: ReturnType<typeof bundleFor>) => bundleFault(bundle, allowed);
/** Docker's default set without the three that reach past the task: NET_RAW, MKNOD, AUDIT_WRITE. */
const usual = [
  ...['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'],
  ...['CAP_SETFCAP', 'CAP_SETGID', 'CAP_SETPCAP', 'CAP_SETUID', 'CAP_SYS_CHROOT'],
];

describe('bundleFor', () => {
  it.each([
    [{}, ['/dev/init', '--', '/entry', 'serve']],
    [{ init: false }, ['/entry', 'serve']],
    [{ init: false, command: ['other'] }, ['/entry', 'other']],
    [{ init: false, entryPoint: ['sh', '-c'] }, ['sh', '-c']],
    [{ init: false, entryPoint: ['sh', '-c'], command: ['id'] }, ['sh', '-c', 'id']],
    [{ init: false, entryPoint: [], command: ['id'] }, ['id']],
  ])('runs what definition and image say: %j', (more, argv) => {
    expect(bundleFor(input(more)).process.args).toEqual(argv);
  });

  it('refuses a container that has nothing to run', () => {
    expect(() => bundleFor(input({}, { image: { ...image, entryPoint: [], command: [] } }))).toThrow(/give a command/);
  });

  it('says where the metadata is, unless the definition says otherwise', () => {
    const guestEnvironment = { ECS_AGENT_URI: 'http://169.254.170.2/api/1', MODE: 'guest' };
    const { env } = bundleFor(input({}, { guestEnvironment })).process;
    expect(env).toEqual(expect.arrayContaining(['ECS_AGENT_URI=http://169.254.170.2/api/1', 'MODE=definition']));
  });

  it('merges the environment, the definition last', () => {
    const { env } = bundleFor(input()).process;
    expect(env).toEqual(['PATH=/img/bin', 'HOME=/root', 'HOSTNAME=3f0e6a52', 'MODE=definition']);
  });

  it('isolates in seven namespaces, two of them the task’s', () => {
    expect(bundleFor(input()).linux.namespaces).toEqual([
      { type: 'pid' },
      { type: 'mount' },
      { type: 'ipc' },
      { type: 'uts' },
      { type: 'cgroup' },
      { type: 'network', path: '/run/berth/slots/1/net' },
      { type: 'user', path: '/run/berth/slots/1/user' },
    ]);
  });

  it('gives root a few capabilities and other users none', () => {
    expect(bundleFor(input()).process.capabilities).toEqual({
      bounding: usual,
      permitted: usual,
      effective: usual,
      inheritable: [],
      ambient: [],
    });
    const other = bundleFor(input({}, { user: { uid: 1, gid: 1, additionalGids: [], home: '/' } }));
    expect(other.process.capabilities).toMatchObject({ permitted: [], effective: [], inheritable: [], ambient: [] });
  });

  it.each([
    [{ add: [], drop: ['KILL'] }, usual.filter((name) => name !== 'CAP_KILL')],
    [{ add: [], drop: ['ALL'] }, []],
    [{ add: ['NET_BIND_SERVICE'], drop: ['ALL'] }, ['CAP_NET_BIND_SERVICE']],
    [{ add: ['CAP_NET_RAW'], drop: ['CAP_SYS_CHROOT'] }, [...usual.filter((name) => name !== 'CAP_SYS_CHROOT'), 'CAP_NET_RAW']],
    [{ add: ['CHOWN'], drop: ['NET_ADMIN'] }, usual],
  ])('takes %j to and from the usual capabilities', (capabilities, held) => {
    expect(bundleFor(input({ capabilities })).process.capabilities).toMatchObject({ bounding: held, effective: held });
  });

  it('hands on what the container asks for', () => {
    const tmpfs = { mode: '0750', uid: 1, gid: 2, sizeMiB: 3, exec: false };
    const bundle = bundleFor(
      input({
        hostname: 'own',
        tty: true,
        shmSizeMiB: 7,
        sysctls: { 'kernel.shmmax': '1' },
        tmpfs: [
          { ...tmpfs, path: '/run/deep' },
          { ...tmpfs, path: '/run', exec: true },
        ],
      }),
    );
    expect(bundle).toMatchObject({ hostname: 'own', process: { terminal: true }, linux: { sysctl: { 'kernel.shmmax': '1' } } });
    expect(bundle.process.env).toEqual(expect.arrayContaining(['HOSTNAME=own', 'TERM=xterm']));
    expect(bundle.mounts.find(({ destination }) => destination === '/dev/shm')?.options).toContain('size=7m');
    expect(bundle.mounts.filter(({ destination }) => destination.startsWith('/run'))).toEqual([
      { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'size=3m', 'mode=0750', 'uid=1', 'gid=2'] },
      expect.objectContaining({ destination: '/run/deep', options: expect.arrayContaining(['noexec']) }),
    ]);
    expect(faultOf(bundle)).toBeNull();
  });

  it('falls back to / for a working directory that is no absolute path', () => {
    expect(bundleFor(input()).process.cwd).toBe('/srv');
    expect(bundleFor(input({ workingDirectory: 'relative' })).process.cwd).toBe('/');
  });

  it('passes its own check', () => {
    expect(faultOf(bundleFor(input()))).toBeNull();
  });
});

it('tells a container with control groups of its own that it is one', () => {
  expect(bundleFor(input({ delegateCgroup: true })).process.env).toContain('container=oci');
  expect(bundleFor(input()).process.env).not.toContain('container=oci');
});

describe('bundleFault', () => {
  type Broken = { -readonly [K in keyof ReturnType<typeof bundleFor>]: ReturnType<typeof bundleFor>[K] };
  const broken = (change: (bundle: Broken) => void) => {
    const bundle = structuredClone(bundleFor(input())) as Broken;
    change(bundle);
    return faultOf(bundle);
  };
  const safe = ['bind', 'nosuid', 'nodev'];
  const bind = (source: string, destination = '/mnt', options = safe) => ({ destination, type: 'bind', source, options });
  const tmpfs = (destination: string, options = safe) => ({ destination, type: 'tmpfs', source: 'tmpfs', options });
  const without = (bundle: Broken, destination: string) => bundle.mounts.filter((mount) => mount.destination !== destination);

  it.each<[string, (bundle: Broken) => void, RegExp]>([
    ['a root elsewhere', (b) => (b.root.path = '/'), /none of ours/],
    ['a root by way of ..', (b) => (b.root.path = `${directory}/../../../..`), /none of ours/],
    ['a host directory', (b) => b.mounts.push(bind('/etc')), /mounts \/etc/],
    ['a sibling with a longer name', (b) => b.mounts.push(bind(`${directory}y/files`)), /mounts/],
    ['a host file under another type', (b) => b.mounts.push({ ...tmpfs('/mnt'), source: '/dev/sda' }), /mounts \/dev\/sda/],
    ['a disk', (b) => b.mounts.push({ ...tmpfs('/mnt'), type: 'ext4' }), /mounts a ext4/],
    ['a file system over another', (b) => b.mounts.push({ ...tmpfs('/mnt'), type: 'overlay' }), /mounts a overlay/],
    ['a mount on the root', (b) => b.mounts.push(tmpfs('/')), /something on \//],
    ['a mount by way of ..', (b) => b.mounts.push(tmpfs('/tmp/../proc')), /something on/],
    ['a tmpfs on /proc', (b) => b.mounts.push(tmpfs('/proc')), /tmpfs on \/proc/],
    ['a tmpfs that hides a masked path', (b) => b.mounts.push(tmpfs('/proc/sys')), /tmpfs on \/proc\/sys/],
    ['a tmpfs in /sys', (b) => b.mounts.push(tmpfs('/sys/fs')), /tmpfs on \/sys\/fs/],
    ['a bind into /dev', (b) => b.mounts.push(bind(`${directory}/files/hosts`, '/dev/sda')), /bind on \/dev\/sda/],
    ['set-user-id programs', (b) => b.mounts.push(tmpfs('/mnt', ['nodev'])), /change their user/],
    ['devices in a volume', (b) => b.mounts.push(bind(`${directory}/v/1`, '/mnt', ['nosuid'])), /devices on \/mnt/],
    [
      'a writable /sys',
      (b) => (b.mounts = b.mounts.map((m) => ({ ...m, options: m.options.filter((o) => o !== 'ro') }))),
      /\/sys may be written/,
    ],
    ['nothing on /dev', (b) => (b.mounts = without(b, '/dev')), /nothing is mounted on \/dev/],
    ['nothing on /proc', (b) => (b.mounts = without(b, '/proc')), /nothing is mounted on \/proc/],
    [
      'a directory of /dev that is bound',
      (b) => (b.mounts = b.mounts.map((m) => (m.destination === '/dev' ? { ...m, type: 'bind', source: `${directory}/d` } : m))),
      /bind on \/dev/,
    ],
    ['a cwd in /proc', (b) => (b.process.cwd = '/proc/self/fd/8'), /working directory/],
    ['a cwd in /dev/fd', (b) => (b.process.cwd = '/dev/fd/8'), /working directory/],
    ['a cwd in /proc by way of ..', (b) => (b.process.cwd = '/tmp/../proc/self'), /working directory/],
    ['a limit above the agent’s own', (b) => (b.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 1, hard: 3 }]), /NOFILE is higher/],
    ['a soft limit above the hard one', (b) => (b.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 2, hard: 1 }]), /NOFILE is higher/],
    ['a limit nobody knows of', (b) => (b.process.rlimits = [{ type: 'RLIMIT_AS', soft: 1, hard: 1 }]), /AS is higher/],
    ['one capability more', (b) => b.process.capabilities.bounding.push('CAP_SYS_ADMIN'), /CAP_SYS_ADMIN/],
    ['ambient capabilities', (b) => b.process.capabilities.ambient.push('CAP_CHOWN'), /pass on/],
    ['inheritable capabilities', (b) => b.process.capabilities.inheritable.push('CAP_CHOWN'), /pass on/],
    ['new privileges', (b) => (b.process.noNewPrivileges = false), /gain privileges/],
    ['no filter', (b) => (b.linux.seccomp = { ...b.linux.seccomp, syscalls: [] }), /filter/],
    ['the host’s pids', (b) => (b.linux.namespaces = b.linux.namespaces.filter(({ type }) => type !== 'pid')), /pid namespace/],
    ['the host’s ids', (b) => (b.linux.namespaces = b.linux.namespaces.filter(({ type }) => type !== 'user')), /user namespace/],
    [
      'pids of another container',
      (b) => (b.linux.namespaces = b.linux.namespaces.map((n) => (n.type === 'pid' ? { type: 'pid', path: '/proc/1/ns/pid' } : n))),
      /joins a pid namespace/,
    ],
    ['devices of the host', (b) => (b.linux.resources.devices = []), /devices of the host/],
    ['a setting of the kernel', (b) => (b.linux.sysctl = { 'kernel.core_pattern': 'x' }), /sets kernel\.core_pattern/],
    ['an open /proc/kcore', (b) => (b.linux.maskedPaths = maskedPaths.filter((path) => path !== '/proc/kcore')), /kcore/],
    ['a writable /proc/sys', (b) => (b.linux.readonlyPaths = readonlyPaths.filter((path) => path !== '/proc/sys')), /\/proc\/sys may be/],
  ])('refuses %s', (_what, change, fault) => {
    expect(broken(change)).toMatch(fault);
  });

  describe('of a container whose control group is delegated', () => {
    const delegated = () => bundleFor(input({ delegateCgroup: true }));
    const owns = { ...allowed, delegatedCgroup: true };
    const mounting = (destination: string, type: string) => {
      const bundle = delegated();
      return { ...bundle, mounts: [...bundle.mounts, { destination, type, source: type, options: ['nosuid', 'nodev', 'rw'] }] };
    };

    it('lets its own control groups be writable, and the same of another container not', () => {
      expect(bundleFault(delegated(), owns)).toBeNull();
      expect(bundleFault(delegated(), allowed)).toBe('/sys/fs/cgroup may be written to');
    });

    it.each([
      ['/mnt', 'cgroup', /\/mnt may be written/],
      ['/sys/fs/cgroup/unified', 'cgroup', /cgroup on \/sys\/fs\/cgroup\/unified/],
      ['/sys', 'sysfs', /\/sys may be written/],
      ['/sys/fs/cgroup', 'tmpfs', /tmpfs on \/sys\/fs\/cgroup/],
    ])('refuses %s as a writable %s', (destination, type, fault) => {
      expect(bundleFault(mounting(destination, type), owns)).toMatch(fault);
    });

    it('refuses the host’s control groups, and every other writable path', () => {
      const bundle = delegated();
      const inHosts = { ...bundle.linux, namespaces: bundle.linux.namespaces.filter(({ type }) => type !== 'cgroup') };
      expect(bundleFault({ ...bundle, linux: inHosts }, owns)).toMatch(/cgroup namespace/);
      const open = { ...bundle.linux, readonlyPaths: bundle.linux.readonlyPaths.filter((path) => path !== '/proc/sys') };
      expect(bundleFault({ ...bundle, linux: open }, owns)).toMatch(/\/proc\/sys may be written/);
    });
  });
});
