// Where no task may connect to, because the platform itself lives there. Hosts guard what is on them by themselves; this
// is about other machines.
import type { NetworkState } from '@berth/contract';

type Guarded = NetworkState['guarded'];

/** A part of the platform, by the name or address under which it is configured. */
export interface Service {
  readonly hostname: string;
  /** Null: every port. */
  readonly port: number | null;
}

const defaultPorts: Readonly<Record<string, number>> = {
  'postgres:': 5432,
  'postgresql:': 5432,
  'redis:': 6379,
  'rediss:': 6379,
  'wss:': 443,
};

export function serviceOf(url: string): Service {
  const { hostname, port, protocol } = new URL(url);
  return { hostname, port: Number(port) || (defaultPorts[protocol] ?? null) };
}

/**
 * @param networks CIDRs that the operator named
 * @param addressesOf the IPv4 addresses of a service's name; none while it has none
 */
export function guardedBy(
  networks: readonly string[],
  services: readonly Service[],
  addressesOf: (hostname: string) => readonly string[],
): Guarded {
  const places = services.flatMap(({ hostname, port }) =>
    addressesOf(hostname)
      // Of a wildcard or a loopback there is nothing on another machine.
      .filter((address) => !/^(127|0)\./.test(address))
      .map((address) => ({ cidr: `${address}/32`, port })),
  );
  return [...networks.map((cidr) => ({ cidr, port: null })), ...places];
}
