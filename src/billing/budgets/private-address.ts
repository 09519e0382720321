// Which addresses are no business of a tenant's webhook: this machine, private networks, metadata, and what is no single
// host on the Internet (IANA's special-purpose registries).
import { BlockList, isIP } from 'node:net';

const refused4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
];
/** Only global unicast is let through at all; of that, not these: documentation, and ways to reach IPv4 in disguise. */
const refused6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const refused = listOf([...refused4, ...refused6]);
const global6 = listOf(['2000::/3']);

/** @param allowed networks in CIDR notation that may be reached although they are private. */
export function mayReach(address: string, allowed: readonly string[]): boolean {
  const plain = address.replace(/^\[|\]$/g, '').replace(/^::ffff:(?=\d+\.)/i, '');
  const family = isIP(plain);
  if (family === 0) return false;
  const kind = family === 6 ? 'ipv6' : 'ipv4';
  if (listOf(allowed).check(plain, kind)) return true;
  if (family === 6 && !global6.check(plain, kind)) return false;
  return !refused.check(plain, kind);
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [base = '', prefix = ''] = network.split('/');
    list.addSubnet(base, Number(prefix), isIP(base) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
