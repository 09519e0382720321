import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Header, type HeaderData } from 'tar';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { unpackFiles } from './tar-files.js';

const blockBytes = 512;
let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'berth-tar-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const file = (path: string, text = 'evil'): [HeaderData, string] => [{ path, type: 'File', size: text.length, mode: 0o4755 }, text];
const link = (path: string, linkpath: string, type: 'SymbolicLink' | 'Link' = 'SymbolicLink'): [HeaderData, string] => [
  { path, linkpath, type, size: 0 },
  '',
];

/** A tar as a hostile task may make it: the library's own writer would not. */
function tarOf(...entries: [HeaderData, string][]): ReadableStream<Uint8Array> {
  const blocks = entries.flatMap(([data, text]) => {
    const header = Buffer.alloc(blockBytes);
    new Header(data).encode(header, 0);
    const content = Buffer.alloc(Math.ceil(text.length / blockBytes) * blockBytes);
    content.write(text);
    return [header, content];
  });
  return new Blob([Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)])]).stream();
}

it('unpacks what was asked for under its new name, without set-user-id', async () => {
  expect(await unpackFiles(tarOf(file('data/a', 'good')), place, 'data', 'mine')).toEqual([]);
  expect(readFileSync(join(place, 'mine/a'), 'utf8')).toBe('good');
});

it.each([
  ['by ".."', [file('data/../../evil')]],
  ['by an absolute name', [file('/evil')]],
  ['beside what was asked for', [file('other/evil')]],
  ['through a link to a directory', [link('data/out', '..'), file('data/out/evil')]],
  ['through a link whose name is what was asked for', [link('data', '..'), file('data/evil')]],
  ['through a hard link to a file outside', [link('data/out', '../outside', 'Link'), file('data/out')]],
])('writes nothing elsewhere %s', async (_way, entries) => {
  const inner = mkdtempSync(join(place, 'inner-'));
  const before = readdirSync(place);
  await unpackFiles(tarOf(...entries), inner, 'data', 'mine').catch(() => []);
  expect(readdirSync(place)).toEqual(before);
  expect(readdirSync(inner).filter((name) => name !== 'mine')).toEqual([]);
});
