import { expect, test } from 'vitest';
import { parseCpu, parseMemory } from './sizes.js';

test.each([
  ['250m', 250],
  ['0.25', 250],
  ['2', 2000],
  ['1.5', 1500],
  ['0.0001', null],
  ['-1', null],
  ['', null],
  ['2x', null],
])('CPU %j is %j', (text, millis) => expect(parseCpu(text)).toBe(millis));

test.each([
  ['128', 128],
  ['128Mi', 128],
  ['128m', 128],
  ['2g', 2048],
  ['1.5GiB', 1536],
  ['0.3g', null],
  ['1t', null],
  ['', null],
])('memory %j is %j MiB', (text, mib) => expect(parseMemory(text)).toBe(mib));
