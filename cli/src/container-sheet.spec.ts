import { containerDefinitionSchema } from '@berth/contract';
import { expect, test } from 'vitest';
import { askedSheet } from './container-sheet.js';

const container = (name: string, more: object = {}) => ({
  ...containerDefinitionSchema.parse({ name, image: 'busybox', ...more }),
  imageDigest: '',
});

test('shows what was asked for, and nothing of the defaults', () => {
  const asked = {
    ...{ hostname: 'web', tty: true, init: false, labels: { team: 'a' }, shmSizeMiB: 128, dns: { servers: ['1.1.1.1'] } },
    ulimits: [{ name: 'nofile', soft: 1, hard: -1 }],
    tmpfs: [{ path: '/run', sizeMiB: 64 }],
    capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
  };
  expect(askedSheet({ cpuBurst: true, containers: [container('main', asked), container('plain')] })).toEqual([
    ['CPU burst', 'yes'],
    ['Block I/O weight', null],
    ['Volumes', null],
    [
      'main',
      'host name web; terminal yes; init no; labels team=a; ulimits nofile=1:-1; tmpfs /run (64 MiB); /dev/shm 128 MiB; DNS 1.1.1.1; capabilities -ALL, +NET_RAW',
    ],
    ['plain', null],
  ]);
});
