// A registry that a test holds in its hands: images are bytes given by the test, whether they are true to their digests or
// not, and each request can be answered as the test likes.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** How a request is answered: as a registry does, not at all, or with this status. */
export type Answer = 'served' | 'never' | { readonly status: number; readonly retryAfterSeconds?: number };

export interface ScriptedLayer {
  readonly packed: Buffer;
  readonly packedDigest: string;
  /** Of the tar inside. */
  readonly tarDigest: string;
}

export interface ScriptedRegistry {
  readonly address: string;
  /** Paths of all requests, in the order they came. */
  readonly requests: string[];
  answer: (path: string) => Answer;
  /** @returns its pinned reference. */
  put(name: string, layers: readonly ScriptedLayer[]): string;
  stop(): Promise<void>;
}

export const digestOf = (content: Buffer | string) => `sha256:${createHash('sha256').update(content).digest('hex')}`;

export async function startScriptedRegistry(): Promise<ScriptedRegistry> {
  const blobs = new Map<string, Buffer>();
  const types = new Map<string, string>();
  const requests: string[] = [];
  const server = createServer(({ url = '/' }, response) => {
    requests.push(url);
    const answer = registry.answer(url);
    if (answer === 'never') return;
    if (answer === 'served') serve(url, response);
    else {
      if (answer.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(answer.retryAfterSeconds));
      response.writeHead(answer.status).end();
    }
  });
  const serve = (url: string, response: ServerResponse) => {
    if (url === '/v2/') return response.writeHead(200).end('{}');
    const digest = /(sha256:[0-9a-f]{64})$/.exec(url)?.[1] ?? '';
    const content = blobs.get(digest);
    if (!content) return response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    response.writeHead(200, { 'content-type': types.get(digest) ?? 'application/octet-stream', 'content-length': content.length });
    return response.end(content);
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registry: ScriptedRegistry = {
    address,
    requests,
    answer: () => 'served',
    put: (name, layers) => {
      for (const { packed, packedDigest } of layers) blobs.set(packedDigest, packed);
      const config = JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { Cmd: ['/bin/busybox', 'sleep', '1000'] },
        rootfs: { type: 'layers', diff_ids: layers.map(({ tarDigest }) => tarDigest) },
      });
      blobs.set(digestOf(config), Buffer.from(config));
      const mediaType = 'application/vnd.oci.image.manifest.v1+json';
      const manifest = JSON.stringify({
        schemaVersion: 2,
        mediaType,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
        layers: layers.map(({ packed, packedDigest }) => ({
          mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
          digest: packedDigest,
          size: packed.length,
        })),
      });
      blobs.set(digestOf(manifest), Buffer.from(manifest));
      types.set(digestOf(manifest), mediaType);
      return `${address}/${name}@${digestOf(manifest)}`;
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return registry;
}

export function layerOf(tar: Buffer): ScriptedLayer {
  const packed = gzipSync(tar, { level: 9 });
  return { packed, packedDigest: digestOf(packed), tarDigest: digestOf(tar) };
}

export interface TarEntry {
  readonly name: string;
  readonly content?: Buffer;
  readonly type?: 'file' | 'directory' | 'symbolic link' | 'link' | 'character device';
  readonly target?: string;
  readonly mode?: number;
}

/** What a container needs to run busybox. */
export function busyboxEntries(): TarEntry[] {
  const directories = ['bin/', 'proc/', 'sys/', 'dev/', 'etc/', 'tmp/'].map((name): TarEntry => ({ name, type: 'directory' }));
  return [...directories, { name: 'bin/busybox', content: readFileSync('/bin/busybox') }];
}

const typeLetters = { file: '0', link: '1', 'symbolic link': '2', 'character device': '3', directory: '5' } as const;
const block = 512;

/** A tar of just these entries, with names that no honest program would write. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap(({ name, content = Buffer.alloc(0), type = 'file', target = '', mode = 0o755 }) => {
    const header = Buffer.alloc(block);
    header.write(name, 0, 100, 'latin1');
    for (const [at, value] of [
      [100, mode],
      [108, 0],
      [116, 0],
    ] as const)
      header.write(`${value.toString(8).padStart(7, '0')}\0`, at, 'latin1');
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
    header.write(`${'0'.repeat(11)}\0`, 136, 'latin1');
    header.write(`        ${typeLetters[type]}`, 148, 'latin1');
    header.write(target, 157, 100, 'latin1');
    header.write('ustar\x0000', 257, 'latin1');
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
      'latin1',
    );
    return [header, content, Buffer.alloc((block - (content.length % block)) % block)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}
