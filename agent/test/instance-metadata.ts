// A stand-in for EC2's instance metadata that speaks IMDSv2: no answer without a token, tokens that stop to be good, 404
// until there is a notice.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface InstanceMetadata {
  readonly url: string;
  /** Those that were given; the last one is good. */
  readonly tokens: string[];
  /** How often the notice was asked for, with whatever token. */
  readonly looks: number;
  /** What is answered to who asks for the notice with a good token. */
  answer: { status: number; text: string };
  close(): void;
}

export async function startInstanceMetadata(): Promise<InstanceMetadata> {
  const tokens: string[] = [];
  let looks = 0;
  const server = createServer((request, response) => {
    const reply = (status: number, text: string) => void response.writeHead(status).end(text);
    if (request.method === 'PUT' && request.url === '/latest/api/token') {
      if (!request.headers['x-aws-ec2-metadata-token-ttl-seconds']) return reply(400, '');
      tokens.push(`token-${tokens.length}`);
      return reply(200, tokens.at(-1) ?? '');
    }
    looks += 1;
    if (request.headers['x-aws-ec2-metadata-token'] !== tokens.at(-1)) return reply(401, 'Unauthorized');
    if (request.url !== '/latest/meta-data/spot/instance-action') return reply(404, '');
    reply(metadata.answer.status, metadata.answer.text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const metadata: InstanceMetadata = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokens,
    get looks() {
      return looks;
    },
    answer: { status: 404, text: 'Not Found' },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return metadata;
}
