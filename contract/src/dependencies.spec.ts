import { describe, expect, it } from 'vitest';
import { dependencyFaults } from './dependencies.js';
import { taskDefinitionInputSchema } from './task-definition.js';

const on = (...dependsOn: [string, string][]) => ({ dependsOn: dependsOn.map(([container, condition]) => ({ container, condition })) });
const check = { healthCheck: { tcp: { port: 80 } } };

function faultsOf(containers: Record<string, object>) {
  const given = Object.entries(containers).map(([name, more]) => ({ name, image: 'busybox', ...more }));
  const result = taskDefinitionInputSchema.safeParse({ family: 'f', containers: given });
  return result.error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];
}

describe('dependencies', () => {
  it.each<[string, Record<string, object>]>([
    ['a chain', { a: {}, b: on(['a', 'START']), c: on(['b', 'START'], ['a', 'START']) }],
    ['an end that is waited for', { init: { essential: false }, main: on(['init', 'SUCCESS']) }],
    ['health that is checked', { db: check, main: on(['db', 'HEALTHY']) }],
    ['an end after restarts', { init: { essential: false, restartPolicy: { mode: 'on-failure' } }, main: on(['init', 'COMPLETE']) }],
  ])('takes %s', (_, containers) => {
    expect(faultsOf(containers)).toEqual([]);
  });

  it.each<[string, Record<string, object>, RegExp]>([
    [
      'an unknown container',
      { a: on(['x', 'START']) },
      /containers.0.dependsOn.0 names "x", which is no container of this task; it has a$/,
    ],
    ['itself', { a: on(['a', 'START']) }, /names the container itself/],
    ['one twice', { a: {}, b: on(['a', 'START'], ['a', 'START']) }, /a second time/],
    ['health that nobody checks', { a: {}, b: on(['a', 'HEALTHY']) }, /no healthCheck/],
    ['the end of an essential one', { a: {}, b: on(['a', 'SUCCESS']) }, /essential/],
    ['the end of one that never ends', { a: { essential: false, restartPolicy: {} }, b: on(['a', 'COMPLETE']) }, /after every exit/],
    [
      'a circle',
      { a: {}, b: on(['a', 'START'], ['d', 'START']), c: on(['b', 'START']), d: on(['c', 'START']) },
      /containers.1.dependsOn makes a circle in which each waits for the next: b → d → c → b$/,
    ],
  ])('refuses %s, once', (_, containers, message) => {
    expect(faultsOf(containers)).toEqual([expect.stringMatching(message)]);
  });

  it('finds nothing where nobody depends on anybody', () => {
    expect(dependencyFaults([{ name: 'a', essential: true }])).toEqual([]);
  });
});
