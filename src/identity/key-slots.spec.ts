import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publishedSlots, slotAt, slotMs } from './key-slots.js';

const instant = fc.integer({ min: slotMs * 2, max: 4_000_000_000_000 });

describe('signing keys', () => {
  it('are published for a slot before they sign, and for a slot after', () => {
    fc.assert(
      fc.property(instant, fc.integer({ min: -slotMs, max: slotMs }), (nowMs, aheadMs) => {
        expect(publishedSlots(nowMs)).toContain(slotAt(nowMs + aheadMs));
      }),
    );
  });

  it('change', () => {
    fc.assert(
      fc.property(instant, (nowMs) => {
        expect(slotAt(nowMs + slotMs)).toBe(slotAt(nowMs) + 1);
      }),
    );
  });
});
