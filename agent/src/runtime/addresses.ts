// One small number, the slot, stands for everything that must be unique among the tasks of a host: the range of user
// ids, the address, the MAC and the names of interfaces.
export interface Subnet {
  readonly cidr: string;
  readonly prefixLength: number;
  /** The bridge's address: the first of the subnet. */
  readonly gateway: string;
  /** How many slots have an address. */
  readonly slots: number;
  addressOf(slot: number): string;
}

const idsPerRange = 65_536;

/**
 * Reads a subnet in CIDR form. The network's own, the bridge's and the broadcast address belong to no slot.
 * @throws Error when it is not an IPv4 subnet of /16 to /28.
 */
export function parseSubnet(cidr: string): Subnet {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  const [a, b, c, d, prefixLength] = (match ?? []).slice(1).map(Number) as [number, number, number, number, number];
  if (!match || [a, b, c, d].some((byte) => byte > 255) || prefixLength < 16 || prefixLength > 28) {
    throw new Error(`${cidr} is not a subnet Berth can use: give an IPv4 range of /16 to /28, such as 10.66.0.0/16`);
  }
  const size = 2 ** (32 - prefixLength);
  const given = ((a * 256 + b) * 256 + c) * 256 + d;
  const network = given - (given % size);
  return {
    cidr: `${dotted(network)}/${prefixLength}`,
    prefixLength,
    gateway: dotted(network + 1),
    slots: size - 3,
    addressOf: (slot) => dotted(network + 2 + slot),
  };
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** CIDRs without those that lie inside another one: sets of intervals take no overlaps. */
export function outermost(cidrs: readonly string[]): string[] {
  const ranges = [...new Set(cidrs)].map((cidr) => ({ cidr, ...rangeOf(cidr) })).sort((a, b) => a.first - b.first || b.last - a.last);
  let end = -1;
  return ranges.flatMap(({ cidr, last }) => {
    if (last <= end) return [];
    end = last;
    return cidr;
  });
}

/** Whether the network has this IPv4 address. False for what is no address. */
export function containsAddress(cidr: string, address: string): boolean {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) return false;
  const network = rangeOf(cidr);
  const { first } = rangeOf(`${address}/32`);
  return first >= network.first && first <= network.last;
}

function rangeOf(cidr: string): { first: number; last: number } {
  const [address = '', length = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(length));
  const value = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const first = value - (value % size);
  return { first, last: first + size - 1 };
}

export interface IdRange {
  /** The host's id for id 0 inside. */
  readonly first: number;
  readonly size: number;
}

export function idRangeOf(slot: number, uidBase: number): IdRange {
  return { first: uidBase + slot * idsPerRange, size: idsPerRange };
}
