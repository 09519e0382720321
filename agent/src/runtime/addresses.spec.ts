import { macOf } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { idRangeOf, outermost, parseSubnet } from './addresses.js';

describe('parseSubnet', () => {
  it('gives the bridge the first address and slots those after it, the last but one at most', () => {
    const subnet = parseSubnet('10.66.3.9/24');
    expect([subnet.cidr, subnet.gateway, subnet.slots]).toEqual(['10.66.3.0/24', '10.66.3.1', 253]);
    expect([subnet.addressOf(0), subnet.addressOf(subnet.slots - 1)]).toEqual(['10.66.3.2', '10.66.3.254']);
  });

  it('counts over bytes', () => {
    const subnet = parseSubnet('10.66.0.0/16');
    expect([subnet.slots, subnet.addressOf(253), subnet.addressOf(254)]).toEqual([65_533, '10.66.0.255', '10.66.1.0']);
  });

  it.each(['10.66.0.0', '10.66.0.0/8', '10.66.0.0/29', '10.66.0.256/24', 'fd00::/64', ''])('refuses %j', (text) => {
    expect(() => parseSubnet(text)).toThrow(/such as 10.66.0.0\/16/);
  });
});

describe('outermost', () => {
  it('leaves out what lies inside another one, and what is there twice', () => {
    const cidrs = ['10.66.4.0/22', '10.66.0.0/16', '192.0.2.0/24', '10.66.0.0/16', '192.0.2.128/25', '10.0.0.0/24'];
    expect(outermost(cidrs)).toEqual(['10.0.0.0/24', '10.66.0.0/16', '192.0.2.0/24']);
  });
});

describe('what a slot stands for', () => {
  it('has a MAC of its own', () => {
    expect(macOf('10.66.1.250')).toBe('0a:58:0a:42:01:fa');
  });

  it('has ids that abut the next slot’s', () => {
    const [first, second] = [idRangeOf(0, 1_000_000), idRangeOf(1, 1_000_000)];
    expect(first.first + first.size).toBe(second.first);
  });
});
