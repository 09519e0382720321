import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IdTable } from './id-table.js';

it('finds what a Map finds, through any additions and removals', () => {
  const step = fc.record({ add: fc.boolean(), key: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new IdTable();
      let made = 0;
      const expected = new Map<string, number>();
      for (const { add, key } of steps) {
        const id = `id-${key}`;
        const handle = expected.get(id);
        if (add && handle === undefined) {
          table.add(id, made);
          expected.set(id, made++);
        } else if (!add && handle !== undefined) {
          table.delete(handle);
          expected.delete(id);
        }
        for (let k = 0; k <= 40; k++) expect(table.find(`id-${k}`)).toBe(expected.get(`id-${k}`) ?? -1);
      }
      expect(table.size).toBe(expected.size);
    }),
  );
});

it('survives ids that share a slot, and growth', () => {
  const ids = Array.from({ length: 5000 }, (_, i) => `${i}`);
  const table = new IdTable();
  for (const [handle, id] of ids.entries()) table.add(id, handle);
  for (let handle = 0; handle < ids.length; handle += 2) table.delete(handle);
  expect(ids.map((id) => table.find(id))).toEqual(ids.map((_, handle) => (handle % 2 === 0 ? -1 : handle)));
});
