// Unpacks a font from the web's format (WOFF 1.0, https://www.w3.org/TR/WOFF/) into OpenType. The PDF library can read WOFF
// itself, but unpacks it anew for each document and in JavaScript: half a second in which the process does nothing else.
import { inflateSync } from 'node:zlib';

const headerSize = 44;
const entrySize = 20;

export function openTypeOf(woff: Buffer): Buffer {
  if (woff.toString('latin1', 0, 4) !== 'wOFF') throw new Error('This is no WOFF 1.0 font.');
  const count = woff.readUInt16BE(12);
  const tables = Array.from({ length: count }, (_, index) => tableAt(woff, headerSize + index * entrySize));
  const head = Buffer.alloc(12 + count * 16);
  woff.copy(head, 0, 4, 8);
  const power = 2 ** Math.floor(Math.log2(count));
  head.writeUInt16BE(count, 4);
  head.writeUInt16BE(power * 16, 6);
  head.writeUInt16BE(Math.log2(power), 8);
  head.writeUInt16BE(count * 16 - power * 16, 10);
  let offset = head.length;
  for (const [index, { tag, checksum, data }] of tables.entries()) {
    const at = 12 + index * 16;
    head.write(tag, at, 'latin1');
    head.writeUInt32BE(checksum, at + 4);
    head.writeUInt32BE(offset, at + 8);
    head.writeUInt32BE(data.length, at + 12);
    offset += padded(data).length;
  }
  return Buffer.concat([head, ...tables.map(({ data }) => padded(data))]);
}

function tableAt(woff: Buffer, at: number): { tag: string; checksum: number; data: Buffer } {
  const [offset, packed, size] = [woff.readUInt32BE(at + 4), woff.readUInt32BE(at + 8), woff.readUInt32BE(at + 12)];
  const bytes = woff.subarray(offset, offset + packed);
  // A table that does not become smaller is kept as it is.
  return {
    tag: woff.toString('latin1', at, at + 4),
    checksum: woff.readUInt32BE(at + 16),
    data: packed < size ? inflateSync(bytes) : bytes,
  };
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data], Math.ceil(data.length / 4) * 4);
}
