import type { HostEntry, HostId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { changesOf, deviceBatch, peerBatches, reachable } from './vxlan-plan.js';

const host = (id: string, subnet: string, underlay: string): HostEntry => ({ hostId: id as HostId, subnet, underlay });
const b = host('b', '10.66.4.0/22', '192.0.2.2');

describe('the overlay', () => {
  it('leads to other machines only: agents that share one have their own routes', () => {
    expect(reachable([b, host('c', '10.66.8.0/22', '192.0.2.1'), host('d', '10.0.0.0/8', '192.0.2.4')], '192.0.2.1')).toEqual([b]);
  });

  it('learns nothing by itself', () => {
    expect(deviceBatch({ device: 'x', vni: 66, port: 4789, underlay: '192.0.2.1' }, '10.66.0.1', 1450)).toBe(
      [
        'link add x address 0a:56:0a:42:00:01 mtu 1450 type vxlan id 66 dstport 4789 local 192.0.2.1 nolearning',
        'link set x addrgenmode none',
        'link set x up',
        '',
      ].join('\n'),
    );
  });

  it('reaches a host’s subnet by its gateway’s address, whose place is told', () => {
    expect(peerBatches('x', '10.66.0.1', [b], [])).toEqual({
      ip: 'neigh replace 10.66.4.1 lladdr 0a:56:0a:42:04:01 dev x nud permanent\nroute replace 10.66.4.0/22 via 10.66.4.1 dev x src 10.66.0.1 onlink\n',
      bridge: 'fdb replace 0a:56:0a:42:04:01 dev x dst 192.0.2.2 self permanent\n',
    });
  });

  it('forgets a host that is gone, and a host’s old address when it has another', () => {
    const moved = host('b', b.subnet, '192.0.2.9');
    expect(changesOf([b], [moved])).toEqual({ added: [moved], removed: [b] });
    const { bridge } = peerBatches('x', '10.66.0.1', [moved], [b]);
    expect(bridge).toBe(
      'fdb del 0a:56:0a:42:04:01 dev x dst 192.0.2.2 self\nfdb replace 0a:56:0a:42:04:01 dev x dst 192.0.2.9 self permanent\n',
    );
  });
});
