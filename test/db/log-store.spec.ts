// Both log stores by the same tests: a directory, and S3 by a server that checks signatures.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DirectoryLogStore } from '../../src/logs/directory-log-store.service.js';
import type { LogStore } from '../../src/logs/log-store.js';
import { S3LogStore } from '../../src/logs/s3-log-store.service.js';
import { type S3Server, s3Credentials, startS3 } from '../support/s3-server.js';

let directory: string;
let s3: S3Server;
const stores: Record<string, LogStore> = {};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-test-store-'));
  s3 = await startS3('eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3Credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3Credentials.secretAccessKey);
  stores.directory = new DirectoryLogStore(directory);
  stores.s3 = new S3LogStore({ bucket: 'logs', prefix: 'berth/', region: 'eu-central-1', endpoint: s3.endpoint });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await s3.close();
  await rm(directory, { recursive: true });
});

describe.each(['directory', 's3'])('the log store %s', (name) => {
  const store = () => stores[name] as LogStore;

  it('gives back what was put, the newest of it, and null for what was not', async () => {
    await store().put('t/a/main/0.gz', Buffer.from('one'));
    await store().put('t/a/main/0.gz', Buffer.from([0, 255, 10]));
    expect(await store().get('t/a/main/0.gz')).toEqual(Buffer.from([0, 255, 10]));
    expect(await store().get('t/a/main/1.gz')).toBeNull();
  });

  it('removes all below a prefix and nothing beside it, and may be asked again', async () => {
    for (const key of ['t/b/main/0.gz', 't/b/side/0.gz', 't/bb/main/0.gz']) await store().put(key, Buffer.from(key));
    for (let n = 0; n < 2; n += 1) await store().removeAll('t/b/');
    expect(await store().get('t/b/main/0.gz')).toBeNull();
    expect(await store().get('t/b/side/0.gz')).toBeNull();
    expect(await store().get('t/bb/main/0.gz')).toEqual(Buffer.from('t/bb/main/0.gz'));
  });

  it('takes many at once', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, n) => store().put(`t/c/main/${n}.gz`, Buffer.alloc(1000, n))));
    expect(await store().get('t/c/main/19.gz')).toEqual(Buffer.alloc(1000, 19));
  });
});

it('S3 keeps them in the bucket below the prefix, and refuses who has another key', async () => {
  expect([...s3.objects.keys()].every((key) => key.startsWith('logs/berth/t/'))).toBe(true);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another');
  const stranger = new S3LogStore({ bucket: 'logs', prefix: '', region: 'eu-central-1', endpoint: s3.endpoint });
  await expect(stranger.put('x', Buffer.from('x'))).rejects.toThrow('the signature is wrong');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3Credentials.secretAccessKey);
});
