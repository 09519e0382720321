import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paxFacts, plainTar, TarError } from './tar-plain.js';

const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(120)}`;
let source: string;

beforeAll(() => {
  source = mkdtempSync(join(tmpdir(), 'berth-test-tar-'));
  mkdirSync(join(source, long, '..'), { recursive: true });
  writeFileSync(join(source, long), 'long');
  writeFileSync(join(source, 'short'), 'x'.repeat(10_000));
  symlinkSync(long, join(source, 'link'));
});
afterAll(() => rmSync(source, { recursive: true, force: true }));

/** GNU tar writes it, busybox reads it: what each thinks of the other's tar is not ours to say. */
const written = (format: string) => execFileSync('tar', ['-c', `--format=${format}`, '-C', source, '.'], { maxBuffer: 2 ** 24 });

async function through(tar: Buffer, chunkBytes: number): Promise<Buffer> {
  const plain = plainTar();
  const parts: Buffer[] = [];
  const reading = (async () => {
    for await (const part of plain) parts.push(part as Buffer);
  })();
  for (let at = 0; at < tar.length; at += chunkBytes) plain.write(tar.subarray(at, at + chunkBytes));
  plain.end();
  await reading;
  return Buffer.concat(parts);
}

async function busybox(tar: Buffer): Promise<string[]> {
  const into = mkdtempSync(join(tmpdir(), 'berth-test-untar-'));
  try {
    const child = spawn('/bin/busybox', ['tar', '-x', '-f', '-', '-C', into], { stdio: ['pipe', 'inherit', 'inherit'] });
    child.stdin.end(tar);
    await new Promise((resolve) => child.once('close', resolve));
    execFileSync('diff', ['-r', '--no-dereference', source, into]);
    return readdirSync(into, { recursive: true }) as string[];
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
}

describe('a tar for busybox', () => {
  it.each(['pax', 'gnu'])('of the format %s unpacks to what was packed, however it is cut', async (format) => {
    for (const chunkBytes of [100, 512, 65_536]) expect(await busybox(await through(written(format), chunkBytes))).toContain(long);
  });

  it('busybox alone does not know pax: were it so, this file could go', async () => {
    await expect(busybox(written('pax'))).rejects.toThrow();
  });

  it('changes nothing that is plain already', async () => {
    const tar = written('gnu');
    expect(await through(tar, 1000)).toEqual(tar);
  });

  it.each([
    ['text', Buffer.from('no tar at all'.repeat(100))],
    ['little text', Buffer.from('no')],
    ['a damaged header', Buffer.concat([written0(), Buffer.alloc(512, 1)])],
  ])('refuses %s', async (_what, bytes) => {
    await expect(through(bytes, 512)).rejects.toThrow(TarError);
  });

  it('takes an empty one', async () => {
    expect(await through(Buffer.alloc(1024), 512)).toEqual(Buffer.alloc(1024));
  });
});

/** One empty file. */
function written0(): Buffer {
  return execFileSync('tar', ['-c', '--format=ustar', '-C', '/', 'etc/hostname']).subarray(0, 512).fill('00000000000', 124, 135);
}

describe('pax records', () => {
  it('are read to the first that makes no sense', () => {
    expect(paxFacts(Buffer.from('10 path=a\n12 size=1234\n'))).toEqual({ path: 'a' });
    expect(paxFacts(Buffer.from('10 path=a\n13 size=1234\n99 linkpath=x\n'))).toEqual({ path: 'a', size: 1234 });
    expect(paxFacts(Buffer.from('0 path=a\n'))).toEqual({});
    expect(paxFacts(Buffer.from('-1 x'))).toEqual({});
  });
});
