import { taskDefinitionInputSchema, taskOverridesSchema } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { canonicalJson, hashOf } from './canonical-json.js';
import { parseDefinitionName, type RegisteredSpec, taskSize } from './task-definition.js';

const spec = {
  ...taskDefinitionInputSchema.parse({
    family: 'web',
    cpuMillis: 500,
    memoryMiB: 256,
    containers: [{ name: 'main', image: 'a', memoryMiB: 200 }],
  }),
} as unknown as RegisteredSpec;
const overrides = (more: object) => taskOverridesSchema.parse(more);

it.each([
  ['web', { family: 'web', revision: null }],
  ['web:12', { family: 'web', revision: 12 }],
  ['web:0', null],
  ['web:01', null],
  ['web:', null],
  [':1', null],
  ['we b', null],
  ['web:9999999999', null],
  ['', null],
])('the name %s', (text, name) => {
  expect(parseDefinitionName(text)).toEqual(name);
});

describe('taskSize', () => {
  it('is the definition’s, unless overridden', () => {
    expect(taskSize(spec, undefined)).toEqual({ cpuMillis: 500, memoryMiB: 256 });
    expect(taskSize(spec, overrides({ cpuMillis: 100 }))).toEqual({ cpuMillis: 100, memoryMiB: 256 });
  });

  it.each([
    [{ containers: [{ name: 'main' }, { name: 'other' }] }, 'overrides.containers.1.name'],
    [{ memoryMiB: 199 }, 'overrides.memoryMiB'],
  ])('refuses %j', (more, field) => {
    expect(() => taskSize(spec, overrides(more))).toThrow(expect.objectContaining({ code: 'invalid_request', field }));
  });
});

describe('canonical JSON', () => {
  it('does not depend on the order of keys, at any depth, and does on that of lists', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: 'x' })).toBe('{"a":"x","b":[{"c":2,"d":1}]}');
    expect(hashOf({ a: 1, b: { c: 2, d: 3 } })).toEqual(hashOf({ b: { d: 3, c: 2 }, a: 1 }));
    expect(hashOf([1, 2])).not.toEqual(hashOf([2, 1]));
  });

  it('tells apart what only looks alike', () => {
    expect(hashOf({ a: '1' })).not.toEqual(hashOf({ a: 1 }));
    expect(hashOf({ a: null })).not.toEqual(hashOf({}));
    expect(hashOf({ a: undefined })).toEqual(hashOf({}));
  });
});
