import { describe, expect, it } from 'vitest';
import { mountFault, type Surroundings, serverFault } from './nfs-guard.js';

const around: Surroundings = {
  own: ['192.0.2.10', '10.66.0.1'],
  subnet: '10.66.0.0/24',
  network: {
    taskNetwork: '10.64.0.0/10',
    hosts: [{ hostId: '3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c' as never, subnet: '172.20.1.0/24', underlay: '192.0.2.11' }],
    guarded: [
      { cidr: '198.51.100.0/24', port: null },
      { cidr: '203.0.113.1/32', port: 5432 },
      { cidr: '203.0.113.2/32', port: 2049 },
    ],
  },
};

describe('the address of an NFS server', () => {
  it.each([
    ['127.0.0.1', /loopback/],
    ['169.254.169.254', /metadata/],
    ['192.0.2.10', /the host itself/],
    ['10.66.0.9', /a task’s/],
    ['10.100.0.9', /a task’s/],
    ['172.20.1.9', /a task’s/],
    ['192.0.2.11', /a host of the platform/],
    ['198.51.100.77', /the platform’s own/],
    ['203.0.113.2', /the platform’s own/],
    ['::1', /no IPv4 address/],
  ])('can’t be %s', (address, words) => expect(serverFault(address, around)).toMatch(words));

  it.each(['192.0.2.12', '10.0.0.5', '203.0.113.1', '172.20.2.9'])('can be %s', (address) => {
    expect(serverFault(address, around)).toBeNull();
  });

  it('is no task’s of this host before the control plane has said anything', () => {
    expect(serverFault('10.66.0.9', { ...around, network: null })).toMatch(/a task’s/);
    expect(serverFault('10.100.0.9', { ...around, network: null })).toBeNull();
  });

  it('is refused where a network can’t be read', () => {
    expect(
      serverFault('10.0.0.5', { ...around, network: { taskNetwork: null, hosts: [], guarded: [{ cidr: 'fd00::/8', port: null }] } }),
    ).toMatch(/platform/);
  });
});

describe('a mount that failed', () => {
  const target = '/run/berth/mounts/3e813ea4-0b89-45d8-8921-c4cf820ae06b/data';
  it.each([
    [`mount: ${target}: special device 198.51.100.14:/x does not exist.\n       dmesg(1) may have more information`, 'it has no /x'],
    [`mount: ${target}: permission denied.`, 'it does not let this host mount /x'],
    [
      `mount: ${target}: mount(2) system call failed: Connection timed out.\n       dmesg(1)`,
      '/x could not be mounted (Connection timed out)',
    ],
    ['', '/x could not be mounted'],
  ])('is told without the host’s paths: %j', (said, words) => expect(mountFault(said, '/x')).toBe(words));
});
