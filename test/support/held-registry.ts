// A registry in front of another that gives half of each blob and keeps the rest back until it is told, so that a pull
// is under way for as long as a test likes.
import { createServer, type ServerResponse } from 'node:http';
import { freePort } from './cluster.js';

export interface HeldRegistry {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** How many blobs are half given. */
  readonly held: number;
  /** Gives the rest, and from now on everything at once. */
  release(): void;
  stop(): Promise<void>;
}

export async function startHeldRegistry(upstream: string): Promise<HeldRegistry> {
  let released = false;
  const waiting = new Map<ServerResponse, Buffer>();
  const server = createServer(async ({ url = '/', headers }, response) => {
    const answer = await fetch(`http://${upstream}${url}`, { headers: { accept: headers.accept ?? '*/*' } });
    const body = Buffer.from(await answer.arrayBuffer());
    const kept = ['content-type', 'docker-content-digest', 'docker-distribution-api-version'];
    const given = kept.flatMap((name) => (answer.headers.has(name) ? [[name, answer.headers.get(name) ?? ''] as const] : []));
    response.writeHead(answer.status, { ...Object.fromEntries(given), 'content-length': body.length });
    if (released || !url.includes('/blobs/')) return void response.end(body);
    response.write(body.subarray(0, body.length / 2));
    waiting.set(response, body.subarray(body.length / 2));
    response.on('close', () => waiting.delete(response));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${port}`,
    get held() {
      return waiting.size;
    },
    release: () => {
      released = true;
      for (const [response, rest] of waiting) response.end(rest);
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
