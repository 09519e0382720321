// Which of this machine's addresses other hosts should use.
import { createSocket } from 'node:dgram';

/** Nobody's (RFC 5737): the way there is the default route. */
const anywhere = '192.0.2.1';

/**
 * The address that was configured, else the one from which packets to the gateway go, else, when the gateway is on this
 * machine, the one of the default route. Null if there is none but the loopback.
 */
export async function underlayAddress(gatewayUrl: string, configured: string | null): Promise<string | null> {
  if (configured) return configured;
  const toGateway = await sourceAddress(new URL(gatewayUrl).hostname);
  if (toGateway && !toGateway.startsWith('127.')) return toGateway;
  const outside = await sourceAddress(anywhere);
  return outside?.startsWith('127.') ? null : outside;
}

/** Connecting a UDP socket sends nothing, but chooses a route. */
function sourceAddress(to: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (address: string | null) => {
      socket.close();
      resolve(address);
    };
    socket.once('error', () => end(null));
    socket.connect(9, to, () => end(socket.address().address));
  });
}
