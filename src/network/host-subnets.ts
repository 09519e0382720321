// Which subnet a host gets: parts of one network, all of the same size, none overlapping another.

interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * The subnet for a new host: the one it prefers if that is one of the network's and free, else the lowest free one.
 * @param prefixLength of the subnets @param taken every subnet that a host has
 * @returns null when the network is used up.
 */
export function nextSubnet(network: string, prefixLength: number, taken: readonly string[], preferred: string | null): string | null {
  const whole = rangeOf(network);
  const size = 2 ** (32 - prefixLength);
  const ranges = taken.map(rangeOf);
  const isFree = (first: number) => !ranges.some((range) => range.first < first + size && first <= range.last);
  if (preferred?.endsWith(`/${prefixLength}`)) {
    const { first, last } = rangeOf(preferred);
    if (first >= whole.first && last <= whole.last && isFree(first)) return preferred;
  }
  for (let first = whole.first; first + size - 1 <= whole.last; first += size) {
    if (isFree(first)) return `${dotted(first)}/${prefixLength}`;
  }
  return null;
}

function rangeOf(cidr: string): Range {
  const [address = '', length = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(length));
  const value = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const first = value - (value % size);
  return { first, last: first + size - 1 };
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
