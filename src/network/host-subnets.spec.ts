import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextSubnet } from './host-subnets.js';

describe('nextSubnet', () => {
  it.each([
    ['the first of all', [], null, '10.66.0.0/22'],
    ['the lowest that is free', ['10.66.0.0/22', '10.66.8.0/22'], null, '10.66.4.0/22'],
    ['the one it prefers', [], '10.66.32.0/22', '10.66.32.0/22'],
    ['another one if that is taken', ['10.66.32.0/22'], '10.66.32.0/22', '10.66.0.0/22'],
    ['another one if that is elsewhere', [], '10.67.0.0/22', '10.66.0.0/22'],
    ['another one if that is of another size', [], '10.66.0.0/16', '10.66.0.0/22'],
    ['one beside what was cut in another size before', ['10.66.0.0/23'], null, '10.66.4.0/22'],
  ])('gives %s', (_, taken, preferred, expected) => {
    expect(nextSubnet('10.66.0.0/16', 22, taken, preferred)).toBe(expected);
  });

  it('gives none when the network is used up', () => {
    expect(nextSubnet('10.66.0.0/23', 24, ['10.66.0.0/24', '10.66.1.0/24'], null)).toBeNull();
  });

  it('never gives a subnet twice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 28 }), fc.integer({ min: 1, max: 40 }), (prefix, hosts) => {
        const given: string[] = [];
        for (let host = 0; host < hosts; host++) {
          const subnet = nextSubnet('10.66.0.0/16', prefix, given, null);
          if (subnet) given.push(subnet);
        }
        expect(new Set(given).size).toBe(Math.min(hosts, 2 ** (prefix - 16)));
      }),
    );
  });
});
