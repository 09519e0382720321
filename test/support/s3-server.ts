// As much of S3 as the log store uses, over HTTP: objects in memory. Every request must be signed as AWS Signature Version
// 4 asks for: by the key that is known here, for this region and service, over the body that came.
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const s3Credentials = { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'secret-of-the-tests' } as const;

export interface S3Server {
  readonly endpoint: string;
  /** By `bucket/key`. */
  readonly objects: Map<string, Buffer>;
  close(): Promise<void>;
}

export async function startS3(region = 'us-east-1'): Promise<S3Server> {
  const objects = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    answer(request, response, objects, region).catch((error: Error) => fail(response, 500, 'InternalError', error.message));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, objects: Map<string, Buffer>, region: string): Promise<void> {
  const body = await bodyOf(request);
  const url = new URL(request.url ?? '', 'http://s3');
  const fault = signatureFault(request, url, body, region);
  if (fault) return fail(response, 403, 'SignatureDoesNotMatch', fault);
  const [, bucket = '', ...path] = decodeURIComponent(url.pathname).split('/');
  const key = path.join('/');
  if (request.method === 'PUT') {
    objects.set(`${bucket}/${key}`, body);
    response.writeHead(200, { etag: `"${hash(body)}"` }).end();
  } else if (request.method === 'GET' && url.searchParams.get('list-type') === '2') {
    const prefix = `${bucket}/${url.searchParams.get('prefix') ?? ''}`;
    const keys = [...objects.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(bucket.length + 1));
    const contents = keys.map((name) => `<Contents><Key>${name}</Key></Contents>`).join('');
    xml(response, 200, `<ListBucketResult><IsTruncated>false</IsTruncated>${contents}</ListBucketResult>`);
  } else if (request.method === 'GET') {
    const object = objects.get(`${bucket}/${key}`);
    if (object) response.writeHead(200, { 'content-length': object.length }).end(object);
    else fail(response, 404, 'NoSuchKey', 'The specified key does not exist.');
  } else if (request.method === 'POST' && url.searchParams.has('delete')) {
    for (const [, name] of body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)) objects.delete(`${bucket}/${name}`);
    xml(response, 200, '<DeleteResult></DeleteResult>');
  } else fail(response, 405, 'MethodNotAllowed', 'not here');
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
function signatureFault({ method, headers }: IncomingMessage, url: URL, body: Buffer, region: string): string | null {
  const form = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
  const [, id, day = '', named, signed = '', signature] = form.exec(headers.authorization ?? '') ?? [];
  if (id !== s3Credentials.accessKeyId || named !== region) return 'not signed by a known key for this region';
  const payload = String(headers['x-amz-content-sha256']);
  if (payload !== hash(body)) return 'the body is another one';
  const query = [...url.searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).sort();
  const canonicalHeaders = signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = [method, url.pathname, query.join('&'), canonicalHeaders.join(''), signed, payload].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash(Buffer.from(canonical))].join('\n');
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${s3Credentials.secretAccessKey}`,
  );
  return hmac(key, text).toString('hex') === signature ? null : 'the signature is wrong';
}

function hash(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  xml(response, status, `<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
}

function xml(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0" encoding="UTF-8"?>${text}`);
}
