// Which names the layers of a stored image have in them, by the record that the store keeps of each layer's tar. A name
// that leads out of the layer did no harm, for layers are unpacked in a root of their own; but nobody makes such a one
// in good faith.
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Paths } from './paths.js';

/** One line of the record: a tar's entry (1), or its bytes as they were (2). */
interface RecordLine {
  readonly name?: string;
  /** Of a name that is no UTF-8, in base64. */
  readonly name_raw?: string;
}

const entryBegins = '{"type":1,';

/** @returns a name with `..` in it of one of the layers, or null. */
export async function nameThatLeadsOut(paths: Pick<Paths, 'images'>, layers: readonly string[]): Promise<string | null> {
  for (const layer of layers) {
    const name = await badNameIn(join(paths.images, 'overlay-layers', `${layer}.tar-split.gz`));
    if (name !== null) return name;
  }
  return null;
}

async function badNameIn(file: string): Promise<string | null> {
  let found: string | null = null;
  await pipeline(createReadStream(file), createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
    let rest = '';
    for await (const chunk of chunks) {
      // A letter of several bytes may lie across two chunks: what matters is of one.
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      found ??= lines.map(nameIn).find(leadsOut) ?? null;
    }
  });
  return found;
}

export function leadsOut(name: string): boolean {
  return name.split('/').includes('..');
}

function nameIn(line: string): string {
  if (!line.startsWith(entryBegins)) return '';
  const { name, name_raw } = JSON.parse(line) as RecordLine;
  return name ?? Buffer.from(name_raw ?? '', 'base64').toString('latin1');
}
