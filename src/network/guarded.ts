// Where no task may connect to, because the platform itself lives there. Hosts guard what is on them by themselves; this
// is about other machines.
import { isIPv4 } from 'node:net';
import type { NetworkState } from '@berth/contract';

type Guarded = NetworkState['guarded'];

const defaultPorts: Readonly<Record<string, number>> = {
  'postgres:': 5432,
  'postgresql:': 5432,
  'redis:': 6379,
  'rediss:': 6379,
  'wss:': 443,
};

/** @param networks CIDRs that the operator named @param urls of the platform's own parts, of which those by address count */
export function guardedBy(networks: readonly string[], urls: readonly (string | null)[]): Guarded {
  const services = urls.flatMap((text) => {
    const url = text === null ? null : new URL(text);
    if (!url || !isIPv4(url.hostname) || url.hostname.startsWith('127.')) return [];
    return { cidr: `${url.hostname}/32`, port: Number(url.port) || (defaultPorts[url.protocol] ?? null) };
  });
  return [...networks.map((cidr) => ({ cidr, port: null })), ...services];
}
