import { runTasksSchema } from '@berth/contract';
import { describe, expect, test } from 'vitest';
import { markCommand, runRequest } from './run-request.js';

const plain = { env: {}, tag: {}, count: 1 };

describe('runRequest', () => {
  test('leaves to the API what the user left out', () => {
    expect(runRequest('busybox', [], plain)).toEqual({
      definition: { family: 'busybox', containers: [{ name: 'busybox', image: 'busybox', environment: {} }] },
      count: 1,
      tags: {},
    });
  });

  test('takes every option, and the API takes the result', () => {
    const body = runRequest('team/api:1.4', ['serve', '--fast'], {
      ...{ env: { A: '1' }, tag: { team: 'web' }, count: 3, name: 'web', cpu: 500, memory: 256, user: '1000' },
      ...{ entrypoint: '/bin/api', workdir: '/srv', readOnly: true, stopTimeout: 1500 },
    });
    const container = {
      entryPoint: ['/bin/api'],
      command: ['serve', '--fast'],
      user: '1000',
      workingDirectory: '/srv',
      stopTimeoutSeconds: 2,
    };
    expect(runTasksSchema.parse(body)).toMatchObject({
      ...{ count: 3, name: 'web', tags: { team: 'web' } },
      definition: {
        family: 'api',
        cpuMillis: 500,
        memoryMiB: 256,
        containers: [{ ...container, readonlyRootFilesystem: true, environment: { A: '1' } }],
      },
    });
  });

  test.each(['busybox', 'registry.example.com:5000/a/b_c.d--e', `x/${'y'.repeat(100)}`, 'a__b'])(
    'names the family after %s so that the API takes it',
    (image) => {
      expect(() => runTasksSchema.parse(runRequest(image, [], plain))).not.toThrow();
    },
  );

  test('refuses what is no image reference', () => {
    expect(() => runRequest('Busy Box', [], plain)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});

describe('markCommand', () => {
  const flags = [
    { short: '-e', long: '--env', takesValue: true },
    { short: '-d', long: '--detach', takesValue: false },
    { long: '--name', takesValue: true },
  ];
  test.each([
    ['busybox', 'busybox'],
    ['busybox -- ls -l', 'busybox -- ls -l'],
    ['busybox ls -l', 'busybox -- ls -l'],
    ['busybox --name x ls --name y', 'busybox --name x -- ls --name y'],
    ['--name=x busybox ls -d', '--name=x busybox -- ls -d'],
    ['-e A=1 -d busybox -dA', '-e A=1 -d busybox -dA'],
    ['-de A=1 busybox sh', '-de A=1 busybox -- sh'],
    ['-eA=1 busybox sh', '-eA=1 busybox -- sh'],
    ['busybox -d sh -- x', 'busybox -d -- sh -- x'],
    ['busybox -- sh -- x', 'busybox -- sh -- x'],
  ])('%s', (typed, expected) => expect(markCommand(typed.split(' '), flags).join(' ')).toBe(expected));
});
