import { containerDefinitionSchema, containerExtrasSchema, taskSpecSchema } from '@berth/contract';
import { expect, it } from 'vitest';
import { toContainerExtras } from './container-extras.js';

const definition = (more: object = {}) => containerDefinitionSchema.parse({ name: 'main', image: 'busybox', ...more });

it('fills in what an order of before the fields existed means', () => {
  expect(toContainerExtras(definition())).toEqual(containerExtrasSchema.parse({}));
});

it('hands on what the definition says, with the defaults of its parts', () => {
  const asked = {
    hostname: 'web.example',
    labels: { 'com.example.team': 'a' },
    tty: true,
    ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
    shmSizeMiB: 1,
    sysctls: { 'net.core.somaxconn': '100' },
    extraHosts: [{ hostname: 'db', address: '10.0.0.1' }],
    delegateCgroup: true,
    startTimeoutSeconds: 9,
  };
  const extras = toContainerExtras(
    definition({ ...asked, tmpfs: [{ path: '/run', sizeMiB: 4, uid: 1 }], dns: { search: ['a.b'] }, capabilities: { drop: ['ALL'] } }),
  );
  expect(extras).toEqual({
    ...asked,
    tmpfs: [{ path: '/run', sizeMiB: 4, mode: '1777', uid: 1, gid: 0, exec: false }],
    dns: { servers: [], search: ['a.b'], options: [] },
    capabilities: { add: [], drop: ['ALL'] },
  });
  expect(Object.keys(taskSpecSchema.shape.containers.element.shape)).toEqual(expect.arrayContaining(Object.keys(extras)));
});
