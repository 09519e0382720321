// Which name servers the agent asks for what is not the platform's: the operator's, or those of the host itself.

export interface Resolver {
  readonly address: string;
  readonly port: number;
}

const dnsPort = 53;
const mostResolvers = 3;

/** Reads `a.b.c.d` or `a.b.c.d:port`. @returns null if it is neither. */
export function parseResolver(text: string): Resolver | null {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? dnsPort);
  const bytes = match?.[1]?.split('.').map(Number) ?? [];
  if (!match?.[1] || bytes.some((byte) => byte > 255) || port < 1 || port > 65_535) return null;
  return { address: match[1], port };
}

/**
 * The name servers of a resolv.conf(5). A stub on the host's loopback is one the agent can ask, although its tasks
 * can't; its own addresses are left out, or a question would go round for ever.
 */
export function resolversOf(resolvConf: string, own: readonly string[]): Resolver[] {
  return resolvConf
    .split('\n')
    .flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    .flatMap((address) => (isV6(address) ? { address, port: dnsPort } : (parseResolver(address) ?? [])))
    .filter(({ address }) => !own.includes(address))
    .slice(0, mostResolvers);
}

function isV6(address: string): boolean {
  return /^[0-9a-f:]+(%\w+)?$/i.test(address) && address.includes(':');
}
