import type { HostId } from '@berth/contract';
import { expect, it } from 'vitest';
import { hostIdOf, hostUri } from './peer-identity.js';

const id = '3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c' as HostId;

it('finds the host in its own URI', () => {
  expect(hostIdOf(`URI:${hostUri(id)}`)).toBe(id);
});

it.each([
  [undefined],
  [''],
  [`DNS:${hostUri(id)}`],
  [`URI:spiffe://elsewhere/host/${id}`],
  [`URI:spiffe://berth/user/${id}`],
  [`URI:${hostUri(id)}/more`],
  [`URI:${hostUri('../x' as HostId)}`],
  // Two names: which of them would count?
  [`URI:${hostUri(id)}, URI:spiffe://berth/host/00000000-0000-4000-8000-000000000000`],
  [`DNS:localhost, URI:${hostUri(id)}`],
])('takes %s for no host', (subjectAltName) => {
  expect(hostIdOf(subjectAltName)).toBeNull();
});
