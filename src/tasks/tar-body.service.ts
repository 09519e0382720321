// A tar as the body of a request or an answer: never held whole, and read no faster than it is taken.
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../errors.js';
import type { Sink } from './inside.service.js';

/** @throws ApiError unsupported_media_type when the body is no tar. */
export function tarOf(request: FastifyRequest): AsyncIterable<Uint8Array> {
  const { body } = request as { body: unknown };
  if (body !== request.raw) throw new ApiError('unsupported_media_type');
  // Whoever stops in the middle still has an answer to give on this connection.
  return (body as Readable).iterator({ destroyOnReturn: false });
}

/** A tar that breaks off breaks the connection off, too: half of it must not look whole. */
export async function sendTar(reply: FastifyReply, copy: (sink: Sink) => Promise<void>): Promise<void> {
  const response = reply.raw;
  reply.hijack();
  response.writeHead(200, {
    'content-type': 'application/x-tar',
    'cache-control': 'no-store',
    'x-request-id': String(reply.request.id),
    connection: 'close',
  });
  try {
    await copy({ write: (data) => response.write(data), drained: (then) => void response.once('drain', then) });
    response.end();
    if (!response.writableFinished) await once(response, 'close');
  } catch {
    response.destroy();
  }
}
