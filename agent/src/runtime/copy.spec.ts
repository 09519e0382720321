import { expect, it } from 'vitest';
import { splitPath, statusOf } from './copy.js';

it.each([
  ['81a4 12', { kind: 'file', sizeBytes: 12, mode: 0o644 }],
  ['41ed 4096', { kind: 'directory', sizeBytes: 4096, mode: 0o755 }],
  ['a1ff 7', { kind: 'link', sizeBytes: 7, mode: 0o777 }],
  ['11a4 0', { kind: 'other', sizeBytes: 0, mode: 0o644 }],
])('what stat says, %s, is told', (output, expected) => {
  expect(statusOf('/x', `${output}\n`)).toEqual({ path: '/x', ...expected });
});

it.each([
  ['/a/b/', '/a', 'b'],
  ['/a', '/', 'a'],
  ['/', '/', '.'],
  ['/a/../b', '/', 'b'],
])('%s is packed from %s as %s', (path, directory, name) => {
  expect(splitPath(path)).toEqual({ directory, name });
});
