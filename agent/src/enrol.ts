// How a host becomes one of the fleet, and stays it: a one-use token buys the first certificate, and each certificate
// the next. The token names the authority's fingerprint, so the first contact is no leap of faith.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { agentPaths, type CertificateResponse, certificateResponseSchema, parseHostToken } from '@berth/contract';
import { bare, type Credentials, GatewayRefused, postToGateway, serverName } from './gateway-post.js';
import { assertCertifies, fingerprintOf, type Identity, type KeyRequest, newKeyRequest, pemOf } from './identity.js';

const timeoutMs = 15_000;
/** Many hosts may come at once from one address; each takes its turn, up to so often. */
const mostTurns = 30;
const longestTurnMs = 15_000;

interface EnrolOptions {
  /** wss://host:port */
  readonly gatewayUrl: string;
  readonly token: string;
  readonly name: string;
  /** A key that was kept from before; a new one by default. */
  readonly request?: KeyRequest;
}

/** @throws Error with what to do when the token is malformed, used up, expired, or of another fleet. */
export async function enrol({ gatewayUrl, token, name, request }: EnrolOptions): Promise<Identity> {
  const parsed = parseHostToken(token.trim());
  if (!parsed) throw new Error('The host token is malformed. Copy the whole of it; it begins with "berth-host.".');
  const ca = await fetchAuthority(gatewayUrl, parsed.authorityFingerprint);
  const made = request ?? (await newKeyRequest(name));
  const response = await certificateFrom(gatewayUrl, agentPaths.enrol, { token: token.trim(), name, csr: made.csr }, { ca });
  if (fingerprintOf(response.authority) !== parsed.authorityFingerprint) {
    throw new Error('The gateway names another authority than the host token does. Check that token and gateway belong together.');
  }
  return identityOf(response, made);
}

/** A new key and certificate for the same host. The old ones stay good until they expire. */
export async function renew(gatewayUrl: string, identity: Identity, name: string): Promise<Identity> {
  const made = await newKeyRequest(name);
  const credentials = { ca: identity.authority, key: identity.key, cert: identity.certificate };
  const response = await certificateFrom(gatewayUrl, agentPaths.renew, { csr: made.csr }, credentials);
  if (response.hostId !== identity.hostId) throw new Error(`The gateway answered with a certificate of another host, ${response.hostId}.`);
  return identityOf(response, made);
}

/** @throws Error when the certificate is for another key. */
function identityOf({ hostId, certificate, authority }: CertificateResponse, made: KeyRequest): Identity {
  assertCertifies(certificate, made);
  return { hostId, key: made.key, certificate, authority, obtainedAtMs: Date.now() };
}

/**
 * Finds, in the chain that the gateway shows, the certificate with this SHA-256. Nothing is sent on that connection,
 * so it need not be trusted; the next one trusts this certificate and nothing else.
 */
async function fetchAuthority(gatewayUrl: string, fingerprint: string): Promise<string> {
  const { hostname, port } = new URL(gatewayUrl);
  const socket = connect({ host: bare(hostname), port: Number(port || 443), servername: serverName(hostname), rejectUnauthorized: false });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.setTimeout(timeoutMs, () => reject(new Error(`The gateway ${gatewayUrl} does not answer.`)));
      socket.once('secureConnect', resolve);
      socket.once('error', (error) =>
        reject(new Error(`The gateway ${gatewayUrl} cannot be reached: ${error.message}.`, { cause: error })),
      );
    });
    return authorityIn(socket, fingerprint);
  } finally {
    socket.destroy();
  }
}

function authorityIn(socket: TLSSocket, fingerprint: string): string {
  const seen = new Set<string>();
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw && !seen.has(certificate.fingerprint256)) {
    if (createHash('sha256').update(certificate.raw).digest('hex') === fingerprint) return pemOf(certificate.raw, 'CERTIFICATE');
    seen.add(certificate.fingerprint256);
    certificate = certificate.issuerCertificate;
  }
  throw new Error(
    'The gateway is not of the fleet that the host token is for: its authority is another. Check the gateway’s address and the token.',
  );
}

async function certificateFrom(gatewayUrl: string, path: string, body: object, credentials: Credentials): Promise<CertificateResponse> {
  for (let turn = 1; ; turn += 1) {
    try {
      return certificateResponseSchema.parse(await postToGateway(gatewayUrl, path, body, credentials));
    } catch (error) {
      const waitSeconds = error instanceof GatewayRefused && error.status === 429 ? error.retryAfterSeconds : null;
      if (waitSeconds === null || turn === mostTurns) throw error;
      await sleep(Math.min(waitSeconds * 1000, longestTurnMs));
    }
  }
}
