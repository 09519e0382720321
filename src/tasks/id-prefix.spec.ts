import { expect, it } from 'vitest';
import { idRange } from './id-prefix.js';

it.each([
  ['3f0e6a52', { from: '3f0e6a52-0000-0000-0000-000000000000', to: '3f0e6a52-ffff-ffff-ffff-ffffffffffff' }],
  ['3f0e6a52-9', { from: '3f0e6a52-9000-0000-0000-000000000000', to: '3f0e6a52-9fff-ffff-ffff-ffffffffffff' }],
  ['3', { from: '30000000-0000-0000-0000-000000000000', to: '3fffffff-ffff-ffff-ffff-ffffffffffff' }],
  ['3f0e6a529', null],
  ['-', null],
  ['3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c', { from: '3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c', to: '3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c' }],
])('ids that begin with %s', (prefix, range) => {
  expect(idRange(prefix)).toEqual(range);
});
