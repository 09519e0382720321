import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leadsOut, nameThatLeadsOut } from './layer-names.js';

let images: string;
beforeAll(() => {
  images = mkdtempSync(join(tmpdir(), 'berth-test-names-'));
  mkdirSync(join(images, 'overlay-layers'));
});
afterAll(() => rmSync(images, { recursive: true }));

/** As tar-split writes it. */
function layer(id: string, entries: readonly object[]): string {
  const lines = entries.flatMap((entry) => [
    { type: 2, payload: 'Li4v', position: 0 },
    { type: 1, ...entry },
  ]);
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  writeFileSync(join(images, 'overlay-layers', `${id}.tar-split.gz`), gzipSync(text));
  return id;
}

describe('a name that leads out', () => {
  it.each([
    ['../x', true],
    ['a/../../x', true],
    ['/..', true],
    ['a/..', true],
    ['..x/y..', false],
    ['a/...', false],
    ['', false],
  ])('is one with a part ".." (%s: %s)', (name, is) => {
    expect(leadsOut(name)).toBe(is);
  });

  it('is found in any layer, also among many and where it is no UTF-8', async () => {
    const plain = layer(
      'plain',
      Array.from({ length: 5_000 }, (_, index) => ({ name: `ü/${index}`, size: 1 })),
    );
    const evil = layer('evil', [{ name: 'etc/passwd' }, { name: 'x/../../evil' }]);
    const raw = layer('raw', [{ name_raw: Buffer.from('../\xff', 'latin1').toString('base64') }]);
    expect(await nameThatLeadsOut({ images }, [plain])).toBeNull();
    expect(await nameThatLeadsOut({ images }, [plain, evil])).toBe('x/../../evil');
    expect(await nameThatLeadsOut({ images }, [raw])).toBe('../\xff');
  });

  it('can’t be looked for where the record is missing', async () => {
    await expect(nameThatLeadsOut({ images }, ['nothing'])).rejects.toThrow('ENOENT');
  });
});
