// Which names the layers of a stored image have in them, by the record that the store keeps of each layer's tar. A name
// that leads out of the layer did no harm, for layers are unpacked in a root of their own; but nobody makes such a one
// in good faith.
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { Paths } from './paths.js';

/** One line of the record: a tar's entry (1), or its bytes as they were (2). */
interface RecordLine {
  readonly type: number;
  readonly name?: string;
  /** Of a name that is no UTF-8. */
  readonly name_raw?: string;
}

/** @returns a name with `..` in it of one of the layers, or null. */
export async function nameThatLeadsOut(paths: Paths, layers: readonly string[]): Promise<string | null> {
  for (const layer of layers) {
    const record = createReadStream(join(paths.images, 'overlay-layers', `${layer}.tar-split.gz`)).pipe(createGunzip());
    for await (const line of createInterface({ input: record, crlfDelay: Number.POSITIVE_INFINITY })) {
      const name = nameIn(line);
      if (name !== null && leadsOut(name)) return name;
    }
  }
  return null;
}

export function leadsOut(name: string): boolean {
  return name.split('/').includes('..');
}

function nameIn(line: string): string | null {
  if (!line.startsWith('{"type":1,')) return null;
  const { name, name_raw } = JSON.parse(line) as RecordLine;
  return name ?? (name_raw === undefined ? null : Buffer.from(name_raw, 'base64').toString('latin1'));
}
