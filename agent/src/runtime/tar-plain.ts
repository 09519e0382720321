// Rewrites a tar stream so that busybox understands it: long names and large sizes that come as pax records (POSIX 2001)
// become GNU's own kind of entry. Everything else passes as it is. Bounded: an entry's data is never held.
// Pure but for being a stream; the format is that of POSIX.1-2017, pax, and of GNU tar's manual.
import { Transform, type TransformCallback } from 'node:stream';

const block = 512;
/** Names are at most 4,096 bytes; a writer may put much else into its records. */
const maxPaxBytes = 1024 * 1024;
const nameBytes = 100;
const sizeField = { at: 124, length: 12 } as const;
const checksumField = { at: 148, length: 8 } as const;
const typeAt = 156;
const linkNameAt = 157;
const prefixField = { at: 345, length: 155 } as const;

export class TarError extends Error {}

/** What pax records say that matters here; null for what they don't. */
export interface PaxFacts {
  readonly path: string | null;
  readonly linkpath: string | null;
  readonly size: number | null;
}

/** Fails with TarError when what comes is no tar. What follows the end of the archive is dropped. */
export function plainTar(): Transform {
  let pending: Buffer = Buffer.alloc(0);
  /** Bytes of data, with their padding, that pass as they are. */
  let passing = 0;
  let pax: { left: number; padded: number; global: boolean; parts: Buffer[] } | null = null;
  let facts: PaxFacts = { path: null, linkpath: null, size: null };
  let atStart = true;

  function step(out: (part: Buffer) => void): boolean {
    if (pax) return readPax();
    if (passing > 0) {
      const part = pending.subarray(0, passing);
      pending = pending.subarray(part.length);
      passing -= part.length;
      if (part.length > 0) out(part);
      return part.length > 0;
    }
    if (pending.length < block) return false;
    const header = pending.subarray(0, block);
    pending = pending.subarray(block);
    readHeader(header, out);
    return true;
  }

  function readPax(): boolean {
    if (!pax || pending.length < pax.padded) return false;
    const data = pending.subarray(0, pax.left);
    pending = pending.subarray(pax.padded);
    if (!pax.global) facts = { ...facts, ...paxFacts(data) };
    pax = null;
    return true;
  }

  function readHeader(header: Buffer, out: (part: Buffer) => void): void {
    if (header.every((byte) => byte === 0)) {
      out(header);
      return;
    }
    if (!checksumHolds(header)) throw new TarError(atStart ? 'what was sent is no tar' : 'the tar is damaged');
    atStart = false;
    const size = sizeOf(header);
    const type = String.fromCharCode(header[typeAt] ?? 0);
    if (type === 'x' || type === 'g') {
      if (size > maxPaxBytes) throw new TarError('the tar has an extended header that is too large');
      pax = { left: size, padded: padded(size), global: type === 'g', parts: [] };
      return;
    }
    // GNU's own entries belong to the next one, and so do the facts.
    if (type === 'L' || type === 'K') {
      passing = padded(size);
      out(header);
      return;
    }
    const real = facts.size ?? size;
    passing = '12345'.includes(type) ? 0 : padded(real);
    for (const part of plainEntry(header, facts)) out(part);
    facts = { path: null, linkpath: null, size: null };
  }

  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      try {
        while (step((part) => this.push(part)));
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done: TransformCallback) {
      if (atStart && pending.length > 0) done(new TarError('what was sent is no tar'));
      else {
        if (pending.length > 0) this.push(pending);
        done();
      }
    },
  });
}

/** The header as busybox reads it, with GNU entries before it for what does not fit. */
export function plainEntry(header: Buffer, { path, linkpath, size }: PaxFacts): Buffer[] {
  if (path === null && linkpath === null && size === null) return [header];
  const plain = Buffer.from(header);
  const parts: Buffer[] = [];
  if (linkpath !== null) parts.push(...putName(plain, linkNameAt, 'K', linkpath));
  if (path !== null) {
    plain.fill(0, prefixField.at, prefixField.at + prefixField.length);
    parts.push(...putName(plain, 0, 'L', path));
  }
  if (size !== null) putSize(plain, size);
  putChecksum(plain);
  return [...parts, plain];
}

/** @returns GNU's entry for a name that is too long for its field. */
function putName(header: Buffer, at: number, type: 'L' | 'K', name: string): Buffer[] {
  const bytes = Buffer.from(name);
  header.fill(0, at, at + nameBytes);
  bytes.copy(header, at, 0, nameBytes);
  return bytes.length < nameBytes ? [] : gnuLongName(type, bytes);
}

function gnuLongName(type: 'L' | 'K', name: Buffer): Buffer[] {
  const header = Buffer.alloc(block);
  header.write('././@LongLink', 0, 'latin1');
  header.write('0000644\0', 100, 'latin1');
  for (const at of [108, 116]) header.write('0000000\0', at, 'latin1');
  putSize(header, name.length + 1);
  header.write('00000000000\0', 136, 'latin1');
  header.write(type, typeAt, 'latin1');
  header.write('ustar  \0', 257, 'latin1');
  putChecksum(header);
  const data = Buffer.alloc(padded(name.length + 1));
  name.copy(data);
  return [header, data];
}

/** `LENGTH KEY=VALUE\n`, one after the other. Records that make no sense end the reading. */
export function paxFacts(data: Buffer): Partial<PaxFacts> {
  const facts: { path?: string; linkpath?: string; size?: number } = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const length = space < 0 ? 0 : Number(data.toString('latin1', at, space));
    if (!Number.isInteger(length) || length <= space - at || at + length > data.length) break;
    const record = data.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if ((key === 'path' || key === 'linkpath') && !value.includes('\0')) facts[key] = value;
    if (key === 'size' && /^\d{1,15}$/.test(value)) facts.size = Number(value);
    at += length;
  }
  return facts;
}

function padded(size: number): number {
  return Math.ceil(size / block) * block;
}

/** Octal, or with the first bit set a big-endian number (GNU). */
function sizeOf(header: Buffer): number {
  const field = header.subarray(sizeField.at, sizeField.at + sizeField.length);
  if (((field[0] ?? 0) & 0x80) !== 0) return Number(field.readBigUInt64BE(4));
  const text = field.toString('latin1').replace(/[\0 ]/g, '');
  if (!/^[0-7]*$/.test(text)) throw new TarError('the tar is damaged');
  return Number.parseInt(text || '0', 8);
}

function putSize(header: Buffer, size: number): void {
  const field = header.subarray(sizeField.at, sizeField.at + sizeField.length);
  if (size < 8 ** (sizeField.length - 1)) {
    field.write(`${size.toString(8).padStart(sizeField.length - 1, '0')}\0`, 'latin1');
    return;
  }
  field.fill(0);
  field[0] = 0x80;
  field.writeBigUInt64BE(BigInt(size), 4);
}

function checksum(header: Buffer): number {
  let sum = checksumField.length * 0x20;
  for (let at = 0; at < block; at++) {
    if (at < checksumField.at || at >= checksumField.at + checksumField.length) sum += header[at] ?? 0;
  }
  return sum;
}

function checksumHolds(header: Buffer): boolean {
  const text = header.toString('latin1', checksumField.at, checksumField.at + checksumField.length).replace(/[\0 ]/g, '');
  return /^[0-7]+$/.test(text) && Number.parseInt(text, 8) === checksum(header);
}

function putChecksum(header: Buffer): void {
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, checksumField.at, 'latin1');
}
