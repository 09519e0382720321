import type { HostId, TenantId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { guardedBy, serviceOf } from './guarded.js';
import { type NetworkView, stateFor } from './network-state.js';

const [a, b] = ['a', 'b'] as HostId[] as [HostId, HostId];
const [acme, other] = ['acme', 'other'] as TenantId[] as [TenantId, TenantId];
const fleet = { taskNetwork: '10.66.0.0/16', overlay: { vni: 66, port: 4789 }, guarded: [] };
const host = (hostId: HostId, third: number) => ({ hostId, subnet: `10.66.${third}.0/22`, underlay: `192.0.2.${third}` });
const view: NetworkView = {
  hosts: [host(a, 0), host(b, 4)],
  subnets: new Map([
    [a, '10.66.0.0/22'],
    [b, '10.66.4.0/22'],
  ]),
  groups: [
    {
      id: 'g1',
      tenantId: acme,
      name: 'web',
      ingress: [{ protocol: 'tcp', fromPort: 80, toPort: 80, source: { group: 'db' } }],
      egress: [],
    },
    {
      id: 'g2',
      tenantId: acme,
      name: 'db',
      ingress: [{ protocol: 'all', source: { group: 'gone' } }],
      egress: [{ protocol: 'all', destination: { cidr: '0.0.0.0/0' } }],
    },
    { id: 'g3', tenantId: other, name: 'db', ingress: [], egress: [] },
  ],
  members: [
    { tenantId: acme, hostId: a, address: '10.66.0.2', groups: ['g1'] },
    { tenantId: acme, hostId: b, address: '10.66.4.2', groups: ['g2'] },
    { tenantId: other, hostId: b, address: '10.66.4.3', groups: ['g3'] },
  ],
};

describe('what a host is told', () => {
  it('is of the other hosts, of its tenants only, and of their tasks elsewhere', () => {
    const state = stateFor(a, new Set([acme]), view, fleet);
    expect(state).toMatchObject({ subnet: '10.66.0.0/22', hosts: [{ hostId: b }] });
    expect(state.tenants.map(({ tenantId, members }) => [tenantId, members])).toEqual([[acme, [{ address: '10.66.4.2', groups: ['g2'] }]]]);
  });

  it('has groups by id, the tenant’s own of that name; a group that is gone lets nobody through', () => {
    const groups = stateFor(a, new Set([acme]), view, fleet).tenants[0]?.groups;
    expect(groups).toEqual([
      { id: 'g1', ingress: [{ protocol: 'tcp', fromPort: 80, toPort: 80, peer: { groupId: 'g2' } }], egress: [] },
      { id: 'g2', ingress: [], egress: [{ protocol: 'all', fromPort: null, toPort: null, peer: { cidr: '0.0.0.0/0' } }] },
    ]);
  });

  it('is nothing of other hosts while it is not part of the overlay itself', () => {
    const alone = { ...view, hosts: [host(b, 4)] };
    const state = stateFor(a, new Set([acme]), alone, fleet);
    expect([state.hosts, state.tenants[0]?.members]).toEqual([[], []]);
  });
});

describe('guardedBy', () => {
  it('guards the networks that are named, and the platform’s own services wherever they are but here', () => {
    const urls = [
      'postgres://u:p@database.example/berth',
      'redis://10.0.0.6:6380',
      'wss://nowhere.example:7071',
      'postgres://127.0.0.1:5432/x',
    ];
    const names: Record<string, string[]> = { 'database.example': ['10.0.0.4', '10.0.0.5'] };
    const addressesOf = (name: string) => names[name] ?? (/^[\d.]+$/.test(name) ? [name] : []);
    expect(guardedBy(['172.16.0.0/12'], [...urls.map(serviceOf), { hostname: '0.0.0.0', port: 7071 }], addressesOf)).toEqual([
      { cidr: '172.16.0.0/12', port: null },
      { cidr: '10.0.0.4/32', port: 5432 },
      { cidr: '10.0.0.5/32', port: 5432 },
      { cidr: '10.0.0.6/32', port: 6380 },
    ]);
  });
});
