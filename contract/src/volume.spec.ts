import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { forbiddenServer, isWithin, nfsSourceSchema, parseIpv4 } from './nfs.js';
import { type TaskDefinitionInput, taskDefinitionInputSchema } from './task-definition.js';
import { createVolumeSchema } from './volume.js';

const main = { name: 'main', image: 'busybox', mountPoints: [{ volume: 'data', containerPath: '/data' }] };
const plain: TaskDefinitionInput = { family: 'web', volumes: [{ name: 'data' }], containers: [main] };
const withContainer = (more: object) => ({ ...plain, containers: [{ ...main, ...more }] });
const issuesOf = (input: unknown) =>
  taskDefinitionInputSchema.safeParse(input).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('volumes of a task', () => {
  it.each<[string, unknown]>([
    ['scratch', plain],
    [
      'persistent, read-only',
      { ...withContainer({ mountPoints: [{ ...main.mountPoints[0], readOnly: true }] }), volumes: [{ name: 'data', volume: 'db' }] },
    ],
    ['NFS', { ...plain, volumes: [{ name: 'data', nfs: { server: 'files.example.com', path: '/exports/a' } }] }],
    [
      'in a directory in memory',
      withContainer({ tmpfs: [{ path: '/run', sizeMiB: 1 }], mountPoints: [{ volume: 'data', containerPath: '/run/data' }] }),
    ],
    ['at the working directory', withContainer({ workingDirectory: '/data' })],
    ['at two places', withContainer({ mountPoints: [...main.mountPoints, { volume: 'data', containerPath: '/more', readOnly: true }] })],
  ])('can be %s', (_, input) => expect(issuesOf(input)).toEqual([]));

  it.each<[string, unknown, string]>([
    ['of a name twice', { ...plain, volumes: [{ name: 'data' }, { name: 'data' }] }, 'volumes.1.name: "data" is used twice'],
    [
      'that are one persistent volume twice',
      {
        ...withContainer({ mountPoints: [...main.mountPoints, { volume: 'b', containerPath: '/b' }] }),
        volumes: [
          { name: 'data', volume: 'db' },
          { name: 'b', volume: 'db' },
        ],
      },
      'volumes.1.volume: db is there already, as "data"',
    ],
    [
      'that nobody mounts',
      { ...plain, volumes: [{ name: 'data' }, { name: 'b' }] },
      'volumes.1.name: no container has a mount point for "b"',
    ],
    ['that are not there', { ...plain, volumes: [] }, 'containers.0.mountPoints.0.volume: the task has no volume "data"'],
    [
      'that are two things',
      { ...plain, volumes: [{ name: 'data', volume: 'db', nfs: { server: 'a', path: '/' } }] },
      'volumes.0.nfs: give either volume or nfs',
    ],
    [
      'on /proc',
      withContainer({ mountPoints: [{ volume: 'data', containerPath: '/proc/1' }] }),
      'containers.0.mountPoints.0.containerPath: must not be in /proc, /sys or /dev (for /dev/shm there is shmSizeMiB)',
    ],
    [
      'on one path with something else',
      withContainer({ tmpfs: [{ path: '/data', sizeMiB: 1 }] }),
      'containers.0.mountPoints.0.containerPath: something else is mounted on /data',
    ],
    [
      'with something mounted in them',
      withContainer({ tmpfs: [{ path: '/data/x', sizeMiB: 1 }] }),
      'containers.0.tmpfs.0.path: lies in the volume on /data, where nothing else can be mounted',
    ],
    [
      'with the working directory below them',
      withContainer({ workingDirectory: '/data/x' }),
      'containers.0.workingDirectory: lies in the volume on /data, where only the volume itself can be the working directory',
    ],
    [
      'of NFS in a sandbox',
      { ...plain, isolation: 'sandbox', volumes: [{ name: 'data', nfs: { server: 'files', path: '/' } }] },
      'volumes.0.nfs: a sandbox can’t use NFS: take isolation "container", or a persistent volume',
    ],
  ])('are refused %s', (_, input, issue) => expect(issuesOf(input)).toEqual([issue]));
});

test.each([
  ['a', 64, true],
  ['a.b_c-d', 4_194_304, true],
  ['A', 64, false],
  ['-a', 64, false],
  ['..', 64, false],
  ['a'.repeat(64), 64, false],
  ['a', 63, false],
  ['a', 64.5, false],
])('a volume %s of %d MiB: %s', (name, sizeMiB, isFine) => {
  expect(createVolumeSchema.safeParse({ name, sizeMiB }).success).toBe(isFine);
});

describe('an NFS server', () => {
  const isServer = (server: string, path = '/') => nfsSourceSchema.safeParse({ server, path }).success;

  it.each(['files', 'files.example.com', '10.0.0.5', '192.168.1.1', '203.0.113.7', '3.example.com'])('can be %s', (server) =>
    expect(isServer(server)).toBe(true),
  );

  it.each([
    ...['127.0.0.1', '127.9.9.9', '0.0.0.0', '169.254.169.254', '169.254.170.2', '224.0.0.1', '255.255.255.255'],
    ...['localhost', 'a.localhost', '0x7f000001', '0x7f.1', '127.1', '2130706433', '0177.0.0.1', '10.0.0.256', '::1', '[::1]'],
    ...['a b', 'a,b', 'a:2049', 'a/b', '-a', ''],
  ])('can’t be %j', (server) => expect(isServer(server)).toBe(false));

  it.each(['/', '/exports/a b', '/é'])('can export %s', (path) => expect(isServer('a', path)).toBe(true));
  it.each(['', 'x', '/a/../b', '/a,b', '/a:b', '/a\0', '/a\nb'])('can’t export %j', (path) => expect(isServer('a', path)).toBe(false));

  it('reads addresses in their one plain form', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (text, length) => {
        const number = parseIpv4(text) as number;
        expect([24, 16, 8, 0].map((bits) => Math.floor(number / 2 ** bits) % 256).join('.')).toBe(text);
        expect(isWithin(number, [number, length])).toBe(true);
        expect(forbiddenServer(text) !== null).toBe(/^(0|127|169\.254|192\.0\.0|2[2-5]\d)\./.test(text) && !/^22[0-3]\./.test(text));
      }),
    );
  });
});
