import type { ContainerSpec, TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../../test/tasks.js';
import { type BundleInput, bundleFor, capabilities, maskedPaths } from './bundle.js';
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

const faultOf = (bundle: ReturnType<typeof bundleFor>) => bundleFault(bundle, [directory], ['/usr/bin/catatonit']);

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
      bounding: [...capabilities],
      permitted: [...capabilities],
      effective: [...capabilities],
      inheritable: [],
      ambient: [],
    });
    const other = bundleFor(input({}, { user: { uid: 1, gid: 1, additionalGids: [], home: '/' } }));
    expect(other.process.capabilities).toMatchObject({ permitted: [], effective: [], inheritable: [], ambient: [] });
    for (const dangerous of ['CAP_SYS_ADMIN', 'CAP_NET_RAW', 'CAP_MKNOD', 'CAP_AUDIT_WRITE', 'CAP_NET_ADMIN', 'CAP_SYS_PTRACE']) {
      expect(capabilities).not.toContain(dangerous);
    }
  });

  it('falls back to / for a working directory that is no absolute path', () => {
    expect(bundleFor(input()).process.cwd).toBe('/srv');
    expect(bundleFor(input({ workingDirectory: 'relative' })).process.cwd).toBe('/');
  });

  it('passes its own check', () => {
    expect(faultOf(bundleFor(input()))).toBeNull();
  });
});

describe('bundleFault', () => {
  type Broken = { -readonly [K in keyof ReturnType<typeof bundleFor>]: ReturnType<typeof bundleFor>[K] };
  const broken = (change: (bundle: Broken) => void) => {
    const bundle = structuredClone(bundleFor(input())) as Broken;
    change(bundle);
    return faultOf(bundle);
  };
  const bind = (source: string) => ({ destination: '/mnt', type: 'bind', source, options: ['bind'] });

  it.each<[string, (bundle: Broken) => void, RegExp]>([
    ['a root elsewhere', (b) => (b.root.path = '/'), /none of ours/],
    ['a root by way of ..', (b) => (b.root.path = `${directory}/../../../..`), /none of ours/],
    ['a host directory', (b) => b.mounts.push(bind('/etc')), /mounts \/etc/],
    ['a sibling with a longer name', (b) => b.mounts.push(bind(`${directory}y/files`)), /mounts/],
    ['nothing on /dev', (b) => (b.mounts = b.mounts.filter((mount) => mount.destination !== '/dev')), /nothing is mounted on \/dev/],
    [
      'a directory of /dev that is bound',
      (b) => (b.mounts = b.mounts.map((m) => (m.destination === '/dev' ? { ...m, type: 'bind', source: `${directory}/d` } : m))),
      /nothing is mounted on \/dev/,
    ],
    ['a cwd in /proc', (b) => (b.process.cwd = '/proc/self/fd/8'), /working directory/],
    ['a cwd in /proc by way of ..', (b) => (b.process.cwd = '/tmp/../proc/self'), /working directory/],
    ['one capability more', (b) => b.process.capabilities.bounding.push('CAP_SYS_ADMIN' as never), /CAP_SYS_ADMIN/],
    ['ambient capabilities', (b) => b.process.capabilities.ambient.push('CAP_CHOWN' as never), /pass on/],
    ['new privileges', (b) => (b.process.noNewPrivileges = false), /gain privileges/],
    ['no filter', (b) => (b.linux.seccomp = { ...b.linux.seccomp, syscalls: [] }), /filter/],
    ['the host’s pids', (b) => (b.linux.namespaces = b.linux.namespaces.filter(({ type }) => type !== 'pid')), /pid namespace/],
    ['the host’s ids', (b) => (b.linux.namespaces = b.linux.namespaces.filter(({ type }) => type !== 'user')), /user namespace/],
    ['an open /proc/kcore', (b) => (b.linux.maskedPaths = maskedPaths.filter((path) => path !== '/proc/kcore')), /kcore/],
  ])('refuses %s', (_what, change, fault) => {
    expect(broken(change)).toMatch(fault);
  });
});
