// Directories of NFS servers: what a tenant may name. The host mounts them, so an address here is one that the host, and
// not the task, connects to: what only the host may reach must be refused here and, names resolved, on the host again.
import { z } from 'zod';

const hostNamePattern = /^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
const ipv4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** Ranges in which there is never a server for tenants, each with what it is. */
const forbidden: readonly { readonly network: readonly [number, number]; readonly what: string }[] = [
  { network: [0x00000000, 8], what: 'no address of a machine' },
  { network: [0x7f000000, 8], what: 'the host’s own loopback' },
  { network: [0xa9fe0000, 16], what: 'link-local, where metadata services are' },
  { network: [0xc0000000, 24], what: 'reserved' },
  { network: [0xe0000000, 4], what: 'multicast' },
  { network: [0xf0000000, 4], what: 'reserved' },
];

/** An IPv4 address as a number, or null if the text is none. Only the plain form: no octal, no short forms. */
export function parseIpv4(text: string): number | null {
  if (!ipv4.test(text)) return null;
  const bytes = text.split('.').map(Number);
  if (bytes.some((byte, index) => byte > 255 || String(byte) !== text.split('.')[index])) return null;
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** @returns whether an address, as a number, is in `network`/`length`. */
export function isWithin(address: number, [network, length]: readonly [number, number]): boolean {
  const size = 2 ** (32 - length);
  return Math.floor(address / size) === Math.floor(network / size);
}

/** Why no host may connect to this address for a tenant, or null. */
export function forbiddenServer(address: string): string | null {
  const number = parseIpv4(address);
  if (number === null) return 'no IPv4 address';
  return forbidden.find(({ network }) => isWithin(number, network))?.what ?? null;
}

function isServer(text: string): boolean {
  if (/^[\d.]+$/.test(text)) return forbiddenServer(text) === null;
  // Such as 0x7f000001: the resolver takes it for an address.
  return hostNamePattern.test(text) && !/^0x[0-9a-f.x]*$/i.test(text) && !/(^|\.)localhost$/i.test(text);
}

export const nfsSourceSchema = z.strictObject({
  server: z
    .string()
    .max(253)
    .refine(isServer, 'must be a host name or an IPv4 address, and none of a host’s own, link-local or reserved networks')
    .describe('NFS 4.1 or later, on port 2049.'),
  path: z
    .string()
    .max(1024)
    .regex(/^\/([^\0\n,:]*)$/, 'must be an absolute path without "," and ":", such as /exports/team')
    .refine((path) => !path.split('/').includes('..'), 'must not have ".." in it')
    .describe('A directory that the server exports.'),
});
export type NfsSource = z.output<typeof nfsSourceSchema>;
