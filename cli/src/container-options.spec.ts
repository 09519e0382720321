import { constants } from 'node:os';
import { taskDefinitionInputSchema } from '@berth/contract';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { addContainerOptions, type ContainerOptions, containerFields, taskFields } from './container-options.js';
import { extraHost, mebibytes, signalName, sysctl, tmpfsMount, ulimit, volumeMount } from './container-values.js';

function parsed(...words: string[]): ContainerOptions {
  const command = addContainerOptions(new Command('run')).exitOverride();
  return command.parse(words, { from: 'user' }).opts();
}

describe('the options of a container', () => {
  test('say nothing of what was not given', () => {
    expect([containerFields(parsed()), taskFields(parsed())]).toEqual([{}, {}]);
    expect(containerFields(parsed('--init'))).toEqual({});
  });

  test('become what the API takes', () => {
    const options = parsed(
      ...['-h', 'web', '--label', 'a=1', '--label', 'b=2', '-t', '--ulimit', 'nofile=1:2', '--ulimit', 'core=-1', '--no-init'],
      ...['--tmpfs', '/run', '--tmpfs', '/tmp:size=8m,mode=0700,uid=1,exec', '--shm-size', '1g', '--sysctl', 'net.core.somaxconn=9'],
      ...['--add-host', 'db:10.0.0.1', '--dns', '1.1.1.1', '--dns', '9.9.9.9', '--dns-search', 'a.b', '--dns-option', 'ndots:2'],
      ...['--cap-drop', 'all', '--cap-add', 'net_raw', '--stop-signal', 'rtmin+3', '--start-timeout', '1500ms'],
      ...['--cpu-burst', '--blkio-weight', '500', '--pids-limit', '64'],
    );
    const container = {
      ...{ hostname: 'web', labels: { a: '1', b: '2' }, tty: true, init: false, shmSizeMiB: 1024, sysctls: { 'net.core.somaxconn': '9' } },
      ulimits: [
        { name: 'nofile', soft: 1, hard: 2 },
        { name: 'core', soft: -1, hard: -1 },
      ],
      tmpfs: [
        { path: '/run', sizeMiB: 64 },
        { path: '/tmp', sizeMiB: 8, mode: '700', uid: 1, exec: true },
      ],
      extraHosts: [{ hostname: 'db', address: '10.0.0.1' }],
      dns: { servers: ['1.1.1.1', '9.9.9.9'], search: ['a.b'], options: ['ndots:2'] },
      capabilities: { add: ['NET_RAW'], drop: ['ALL'] },
      stopSignal: 'SIGRTMIN+3',
      startTimeoutSeconds: 2,
    };
    const body = { family: 'web', ...taskFields(options), containers: [{ name: 'main', image: 'busybox', ...containerFields(options) }] };
    expect(taskDefinitionInputSchema.parse(body)).toMatchObject({
      ...{ cpuBurst: true, blockIoWeight: 500, pidsLimit: 64 },
      containers: [container],
    });
  });
});

test('volumes are named once, however often they are mounted', () => {
  const options = parsed(
    ...['-v', 'db:/var/lib/db', '--volume', 'db:/copy:ro', '-v', 'nfs://files/exports/a:/a', '-v', 'nfs://files/exports/b:/b:ro'],
    ...['-v', 'nfs://files/exports/a:/again'],
  );
  const body = { family: 'web', ...taskFields(options), containers: [{ name: 'main', image: 'busybox', ...containerFields(options) }] };
  expect(taskDefinitionInputSchema.parse(body)).toMatchObject({
    volumes: [
      { name: 'db', volume: 'db' },
      { name: 'nfs-1', nfs: { server: 'files', path: '/exports/a' } },
      { name: 'nfs-2', nfs: { server: 'files', path: '/exports/b' } },
    ],
    containers: [
      {
        mountPoints: [
          { volume: 'db', containerPath: '/var/lib/db' },
          { volume: 'db', containerPath: '/copy', readOnly: true },
          { volume: 'nfs-1', containerPath: '/a' },
          { volume: 'nfs-2', containerPath: '/b', readOnly: true },
          { volume: 'nfs-1', containerPath: '/again' },
        ],
      },
    ],
  });
});

test.each([
  ['SIGTERM', 'SIGTERM'],
  ['term', 'SIGTERM'],
  ['15', 'SIGTERM'],
  ['RTMAX-1', 'SIGRTMAX-1'],
])('signal %s is %s', (text, name) => expect(signalName(text, constants.signals)).toBe(name));

test('an address may be of either kind', () => {
  expect(extraHost('db=10.0.0.1')).toEqual({ hostname: 'db', address: '10.0.0.1' });
  expect(extraHost('db:fd00::1')).toEqual({ hostname: 'db', address: 'fd00::1' });
  expect(extraHost('db:[::1]')).toEqual({ hostname: 'db', address: '::1' });
});

test.each<[string, () => unknown, RegExp]>([
  ['ulimit without a value', () => ulimit('nofile'), /nofile=1024:2048/],
  ['unknown ulimit', () => ulimit('files=1'), /nofile, nproc/],
  ['size of shm', () => mebibytes('--shm-size')('many'), /64m/],
  ['option of a tmpfs', () => tmpfsMount('/run:suid'), /\/run:size=64m/],
  ['size of a tmpfs', () => tmpfsMount('/run:size=lots'), /size=64m/],
  ['directory of the host', () => volumeMount('/etc:/data'), /directories of the host can’t be had/],
  ['relative directory', () => volumeMount('./x:/data'), /berth volume create/],
  ['volume without a path', () => volumeMount('db'), /name:\/path/],
  ['volume with another mode', () => volumeMount('db:/data:z'), /name:\/path:ro/],
  ['NFS directory', () => volumeMount('nfs://files:/data'), /nfs:\/\/server/],
  ['sysctl without a value', () => sysctl('net.core.somaxconn'), /somaxconn=1024/],
  ['host without an address', () => extraHost('db'), /db:10\.0\.0\.1/],
  ['host-gateway', () => extraHost('db:host-gateway'), /name:address/],
  ['signal', () => signalName('SIGTREM', constants.signals), /SIGRTMIN\+3/],
  ['signal number', () => signalName('99', constants.signals), /SIGRTMIN\+3/],
])('a wrong %s is refused with what would be right', (_, read, hint) => {
  expect(read).toThrow(expect.objectContaining({ exitCode: 2, hint: expect.stringMatching(hint) }));
});
