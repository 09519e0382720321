// Which host a client certificate stands for: one SPIFFE-style URI among its subject alternative names, and no other
// name beside it (github.com/spiffe/spiffe, X509-SVID.md: exactly one URI).
import { type HostId, hostIdSchema } from '@berth/contract';

const prefix = 'spiffe://berth/host/';

export function hostUri(hostId: HostId): string {
  return `${prefix}${hostId}`;
}

/** @param subjectAltName as Node prints it, e.g. `URI:spiffe://berth/host/3f0e6a52-…`. @returns null if it is no host's. */
export function hostIdOf(subjectAltName: string | undefined): HostId | null {
  const uri = /^URI:(\S+)$/.exec(subjectAltName ?? '')?.[1];
  if (!uri?.startsWith(prefix)) return null;
  const parsed = hostIdSchema.safeParse(uri.slice(prefix.length));
  return parsed.success ? parsed.data : null;
}
