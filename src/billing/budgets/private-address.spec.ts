import { expect, it } from 'vitest';
import { mayReach } from './private-address.js';

it.each([
  ...['127.0.0.1', '127.255.0.9', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
  ...['224.0.0.1', '255.255.255.255', '198.18.0.1', '::1', '::', '[::1]', 'fe80::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1'],
  ...['::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1', 'not an address', ''],
])('%s may not be reached', (address) => {
  expect(mayReach(address, [])).toBe(false);
});

it.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '::ffff:1.1.1.1'])('%s may', (address) => {
  expect(mayReach(address, [])).toBe(true);
});

it('what the operator allows may be reached, and nothing beside it', () => {
  expect(mayReach('10.9.0.1', ['10.9.0.0/16'])).toBe(true);
  expect(mayReach('10.8.0.1', ['10.9.0.0/16'])).toBe(false);
  expect(mayReach('fd00::1', ['fd00::/64'])).toBe(true);
});
