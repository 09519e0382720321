import { expect, test } from 'vitest';
import { grantableCapabilities } from './capabilities.js';
import { allowedSysctls } from './sysctls.js';
import { taskDefinitionInputSchema } from './task-definition.js';

const definition = (...containers: object[]) => ({
  family: 'web',
  containers: containers.map((container, index) => ({ name: `c${index}`, image: 'busybox', ...container })),
});

test('takes every field', () => {
  const container = {
    hostname: 'web.example',
    labels: { 'com.example.team': 'payments' },
    tty: true,
    ulimits: [
      { name: 'nofile', soft: 1024, hard: -1 },
      { name: 'core', soft: -1, hard: -1 },
    ],
    tmpfs: [
      { path: '/tmp', sizeMiB: 16 },
      { path: '/var/cache/..x', sizeMiB: 1, mode: '0750', uid: 1000, gid: 1000, exec: true },
    ],
    shmSizeMiB: 128,
    sysctls: { 'net.core.somaxconn': '1024', 'net.ipv4.ip_local_port_range': '1024 65000', 'kernel.sem': '250\t32000 32 128' },
    extraHosts: [
      { hostname: 'db', address: '10.0.0.1' },
      { hostname: 'db', address: 'fd00::1' },
    ],
    dns: { servers: ['10.0.0.2'], search: ['example.com'], options: ['ndots:2', 'rotate'] },
    capabilities: { add: ['NET_RAW', 'CAP_CHOWN'], drop: ['ALL'] },
    delegateCgroup: true,
    startTimeoutSeconds: 30,
    stopSignal: 'SIGRTMIN+3',
    stopTimeoutSeconds: 3600,
  };
  const parsed = taskDefinitionInputSchema.parse({ ...definition(container), cpuBurst: true, blockIoWeight: 500 });
  expect(parsed).toMatchObject({ cpuBurst: true, blockIoWeight: 500, containers: [container] });
});

test('a definition that asks for nothing of it is stored as before there was any of it', () => {
  expect(Object.keys(taskDefinitionInputSchema.parse(definition({})).containers[0] ?? {})).not.toContain('shmSizeMiB');
});

const tmpfs = (path: string) => ({ tmpfs: [{ path, sizeMiB: 1 }] });
const rule = /must /;

test.each<[string, object, string, RegExp]>([
  ['a host name with a blank', { hostname: 'a b' }, 'hostname', /host name/],
  ['a host name with a line feed', { hostname: 'a\nb' }, 'hostname', /host name/],
  ['a host name longer than the kernel’s', { hostname: `${'a'.repeat(40)}.${'b'.repeat(40)}` }, 'hostname', /64/],
  ['a label without a name', { labels: { '': 'x' } }, 'labels.', rule],
  ['an unknown ulimit', { ulimits: [{ name: 'files', soft: 1, hard: 1 }] }, 'ulimits.0.name', /nofile/],
  ['a soft limit above the hard one', { ulimits: [{ name: 'nofile', soft: 2, hard: 1 }] }, 'ulimits.0.soft', /more than hard/],
  ['an unlimited soft limit below a hard one', { ulimits: [{ name: 'nofile', soft: -1, hard: 1 }] }, 'ulimits.0.soft', /more than hard/],
  [
    'a ulimit twice',
    {
      ulimits: [
        { name: 'core', soft: 0, hard: 0 },
        { name: 'core', soft: 1, hard: 1 },
      ],
    },
    'ulimits.1.name',
    /twice/,
  ],
  ['a tmpfs on the root', tmpfs('/'), 'tmpfs.0.path', /below \//],
  ['a tmpfs on /proc', tmpfs('/proc'), 'tmpfs.0.path', /\/proc, \/sys or \/dev/],
  ['a tmpfs in /sys', tmpfs('/sys/fs'), 'tmpfs.0.path', /\/proc, \/sys or \/dev/],
  ['a tmpfs on /dev/shm', tmpfs('/dev/shm'), 'tmpfs.0.path', /shmSizeMiB/],
  ['a tmpfs on /etc', tmpfs('/etc'), 'tmpfs.0.path', /leave \/etc/],
  ['a tmpfs on /etc/hosts', tmpfs('/etc/hosts'), 'tmpfs.0.path', /leave \/etc/],
  ['a tmpfs by way of ..', tmpfs('/tmp/../proc'), 'tmpfs.0.path', rule],
  ['a tmpfs with options in its path', tmpfs('/tmp,suid'), 'tmpfs.0.path', rule],
  ['a relative tmpfs', tmpfs('tmp'), 'tmpfs.0.path', rule],
  ['a tmpfs with a slash at its end', tmpfs('/tmp/'), 'tmpfs.0.path', rule],
  ['a set-user-id mode', { tmpfs: [{ path: '/tmp', sizeMiB: 1, mode: '4755' }] }, 'tmpfs.0.mode', /octal/],
  ['no shared memory', { shmSizeMiB: 0 }, 'shmSizeMiB', /./],
  ['a setting of the whole kernel', { sysctls: { 'kernel.core_pattern': '1' } }, 'sysctls.kernel.core_pattern', /kernel\.shm\*/],
  ['forwarding', { sysctls: { 'net.ipv4.ip_forward': '1' } }, 'sysctls.net.ipv4.ip_forward', /container’s own/],
  ['a setting with a path in it', { sysctls: { 'net.ipv4/../../kernel/hostname': '1' } }, 'sysctls.net.ipv4/../../kernel/hostname', /own/],
  ['a setting that is no number', { sysctls: { 'kernel.shmmax': 'x' } }, 'sysctls.kernel.shmmax', /number/],
  ['a host with a tab in its name', { extraHosts: [{ hostname: 'a\tb', address: '10.0.0.1' }] }, 'extraHosts.0.hostname', /host name/],
  ['a host without an address', { extraHosts: [{ hostname: 'a', address: 'host-gateway' }] }, 'extraHosts.0.address', /IPv4 or IPv6/],
  ['a name as a server of names', { dns: { servers: ['dns.example'] } }, 'dns.servers.0', /IPv4/],
  ['four servers of names', { dns: { servers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] } }, 'dns.servers', /./],
  ['a resolver option with a line feed', { dns: { options: ['a\nnameserver 1.1.1.1'] } }, 'dns.options.0', /resolv\.conf/],
  [
    'a capability over the whole kernel',
    { capabilities: { add: ['SYS_ADMIN'] } },
    'capabilities.add.0',
    /SYS_ADMIN is not to be had.*NET_RAW/,
  ],
  ['all capabilities', { capabilities: { add: ['ALL'] } }, 'capabilities.add.0', /not to be had/],
  ['a drop of something else', { capabilities: { drop: ['net raw'] } }, 'capabilities.drop.0', /ALL or the name/],
  ['a signal there is not', { stopSignal: 'SIGTREM' }, 'stopSignal', /name of a signal/],
  ['a realtime signal there is not', { stopSignal: 'SIGRTMIN+31' }, 'stopSignal', /name of a signal/],
  ['a wait of more than an hour', { stopTimeoutSeconds: 3601 }, 'stopTimeoutSeconds', /3600/],
  ['no time to start', { startTimeoutSeconds: 0 }, 'startTimeoutSeconds', /./],
])('refuses %s, names the field and says why', (_, container, path, message) => {
  const issue = taskDefinitionInputSchema.safeParse(definition(container)).error?.issues[0];
  expect(issue?.path.join('.')).toBe(`containers.0.${path}`);
  // What zod says of a record's key stands in the issue's own list.
  expect([issue?.message, ...(issue?.code === 'invalid_key' ? issue.issues.map((inner) => inner.message) : [])].join(' ')).toMatch(message);
});

test.each([
  ['blockIoWeight', 9],
  ['blockIoWeight', 1001],
  ['cpuBurst', 'yes'],
])('refuses %s %j', (field, value) => {
  const parsed = taskDefinitionInputSchema.safeParse({ ...definition({}), [field]: value });
  expect(parsed.error?.issues[0]?.path).toEqual([field]);
});

test('a setting of the shared network has one value; one of a container’s own may have several', () => {
  const each = (name: string, ...values: string[]) => definition(...values.map((value) => ({ sysctls: { [name]: value } })));
  expect(taskDefinitionInputSchema.safeParse(each('kernel.shmmax', '1', '2')).success).toBe(true);
  expect(taskDefinitionInputSchema.safeParse(each('net.core.somaxconn', '1', '1')).success).toBe(true);
  const issue = taskDefinitionInputSchema.safeParse(each('net.core.somaxconn', '1', '1', '2')).error?.issues[0];
  expect(issue).toMatchObject({ path: ['containers', 2, 'sysctls', 'net.core.somaxconn'], message: expect.stringContaining('share') });
});

test('nothing on the lists reaches out of a task', () => {
  for (const name of ['SYS_ADMIN', 'NET_ADMIN', 'SYS_MODULE', 'BPF', 'PERFMON', 'SYS_RAWIO'])
    expect(grantableCapabilities).not.toContain(name);
  for (const name of allowedSysctls)
    expect(name).toMatch(/^(kernel\.(msg|sem|shm)|fs\.mqueue\.|net\.(core\.somaxconn|unix\.|ipv4\.(ip|tcp|udp|ping)_))/);
});
