// What is decided about a registry without asking it: where its API is, which addresses may be called, which
// credentials belong to it, and what it demands. Tenants choose the registry, so all of it is hostile input.
import { BlockList, isIP } from 'node:net';
import type { ImageRef } from '@berth/contract';

/**
 * Addresses that no tenant may make the control plane call: itself, its link (cloud metadata is at 169.254.169.254 and
 * fd00:ec2::254), and what is no single host. Private networks are allowed: teams keep registries there.
 */
const forbidden = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
  ['100.100.100.200', 32],
] as const) {
  forbidden.addSubnet(network, bits, 'ipv4');
}
for (const [network, bits] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
  ['fd00:ec2::', 32],
  ['64:ff9b::', 96],
] as const) {
  forbidden.addSubnet(network, bits, 'ipv6');
}

/** @param address an IP address; anything else is forbidden. IPv4 written as IPv6 counts as IPv4. */
export function isForbiddenAddress(address: string): boolean {
  const family = isIP(address);
  return family === 0 || forbidden.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

export interface RegistryTrust {
  readonly default: string;
  /** Spoken to over http. */
  readonly insecure: readonly string[];
}

/** Named by the operator, so its address may be anything. */
export function isTrusted(registry: string, trust: RegistryTrust): boolean {
  return registry === trust.default || trust.insecure.includes(registry);
}

/** Docker Hub's API and official images are not where their names say. */
export function apiLocation(ref: ImageRef, trust: RegistryTrust): { baseUrl: string; repository: string } {
  const hub = ref.registry === 'docker.io';
  const host = hub ? 'registry-1.docker.io' : ref.registry;
  const scheme = trust.insecure.includes(ref.registry) ? 'http' : 'https';
  return {
    baseUrl: `${scheme}://${host}`,
    repository: hub && !ref.repository.includes('/') ? `library/${ref.repository}` : ref.repository,
  };
}

export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads `WWW-Authenticate: Bearer realm="…",service="…"` (RFC 9110, section 11.6.1). @returns null for other schemes. */
export function parseChallenge(header: string | undefined): Challenge | null {
  const match = /^\s*(basic|bearer)\s+([\s\S]{0,2000})$/i.exec(header ?? '');
  if (!match?.[1]) return null;
  const parameters = Object.fromEntries(
    [...(match[2] ?? '').matchAll(/([a-z_]{1,32})="([^"\\]{0,1000})"/gi)].map(([, name = '', value = '']) => [name.toLowerCase(), value]),
  );
  return { scheme: match[1].toLowerCase() as Challenge['scheme'], parameters };
}

/**
 * Where to ask for a token. A registry may name another host for that, but not one in plain text unless it is itself.
 * @returns null when the realm is no address to send credentials to.
 */
export function tokenUrl({ parameters }: Challenge, registryUrl: string, repository: string): URL | null {
  const realm = URL.canParse(parameters.realm ?? '') ? new URL(parameters.realm ?? '') : null;
  const registry = new URL(registryUrl);
  const plainToItself = realm?.protocol === 'http:' && registry.protocol === 'http:' && realm.hostname === registry.hostname;
  if (realm?.username !== '' || !(realm.protocol === 'https:' || plainToItself)) return null;
  if (parameters.service) realm.searchParams.set('service', parameters.service);
  realm.searchParams.set('scope', `repository:${repository}:pull`);
  return realm;
}

/**
 * The `user:password` that docker's config.json has for a registry.
 * @throws SyntaxError when the text is no JSON.
 */
export function credentialsFor(registry: string, dockerConfig: string): string | null {
  const config = JSON.parse(dockerConfig) as {
    auths?: Record<string, { auth?: string; username?: string; password?: string } | undefined>;
  };
  const names =
    registry === 'docker.io' ? ['https://index.docker.io/v1/', 'docker.io'] : [registry, `https://${registry}`, `http://${registry}`];
  const entry = names.map((name) => config.auths?.[name]).find((one) => one !== undefined);
  if (entry?.auth) return Buffer.from(entry.auth, 'base64').toString('utf8');
  return entry?.username !== undefined ? `${entry.username}:${entry.password ?? ''}` : null;
}
