// The order of things: how many start at once, and how the pool hands out sandboxes.
import { describe, expect, it } from 'vitest';
import { limiter } from './limiter.js';
import type { RuntimeOptions } from './options.js';
import { runtimeDefaults } from './options.js';
import { requireUsable } from './options-check.js';
import { sandboxPool } from './pool.js';
import type { SandboxMaker } from './sandbox.js';

const log = { info: () => {}, warn: () => {}, error: () => {} };

describe('limiter', () => {
  it('lets only so many run, in order, and goes on after a failure', async () => {
    const run = limiter(2);
    const [order, gates]: [number[], (() => void)[]] = [[], []];
    const work = (index: number) =>
      run(async () => {
        order.push(index);
        await new Promise<void>((resolve) => gates.push(resolve));
        if (index === 0) throw new Error('failed');
      });
    const all = Promise.allSettled([0, 1, 2, 3].map(work));
    await Promise.resolve();
    expect(order).toEqual([0, 1]);
    gates[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual([0, 1, 2]);
    while (order.length < 4) {
      for (const open of gates.splice(0)) open();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const open of gates) open();
    expect((await all).map((result) => result.status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  });
});

describe('sandboxPool', () => {
  /** A maker that keeps count in place of namespaces, and fails when told to. */
  function countingMaker(state: { fails: boolean }): SandboxMaker & { made: Set<number>; batches: number[] } {
    const made = new Set<number>();
    const batches: number[] = [];
    return {
      made,
      batches,
      make: async (slots) => {
        if (state.fails) throw new Error('no namespaces');
        batches.push(slots.length);
        for (const slot of slots) {
          if (made.has(slot)) throw new Error(`${slot} was made twice`);
          made.add(slot);
        }
      },
      remove: async (slots) => {
        for (const slot of slots) made.delete(slot);
      },
      present: () => [...made],
      addressInside: () => {},
    };
  }

  it('never has one number out twice, nor one that was reserved', async () => {
    const maker = countingMaker({ fails: false });
    const pool = sandboxPool(maker, 3, 10, log);
    pool.reserve(1);
    pool.fill();
    const taken = await Promise.all(Array.from({ length: 6 }, () => pool.take()));
    expect(new Set(taken).size).toBe(6);
    expect(taken).not.toContain(1);
    await pool.close();
  });

  it('makes them in batches, and for those who wait even if it keeps none ready', async () => {
    const maker = countingMaker({ fails: false });
    const pool = sandboxPool(maker, 0, 20, log);
    await Promise.all(Array.from({ length: 8 }, () => pool.take()));
    expect(maker.batches).toEqual([8]);
    await pool.close();
  });

  it('says so when all numbers are in use, and goes on when one is free again', async () => {
    const maker = countingMaker({ fails: false });
    const pool = sandboxPool(maker, 0, 2, log);
    const [first] = [await pool.take(), await pool.take()];
    await expect(pool.take()).rejects.toThrow(/in use/);
    pool.release(first as number);
    expect(await pool.take()).toBe(first);
    await pool.close();
  });

  it('tells those who wait when none can be made, and tries again for the next', async () => {
    const state = { fails: true };
    const pool = sandboxPool(countingMaker(state), 0, 5, log);
    await expect(pool.take()).rejects.toThrow(/no namespaces/);
    state.fails = false;
    expect(await pool.take()).toBeTypeOf('number');
    await pool.close();
  });
});

describe('requireUsable', () => {
  const options = { ...runtimeDefaults, dataDirectory: '/var/lib/berth', clock: { now: () => 0 }, log } as RuntimeOptions;

  it('accepts the defaults', () => {
    expect(() => requireUsable(options)).not.toThrow();
  });

  it.each([
    [{ instance: 'Much-Too-Long' }, /instance/],
    [{ dataDirectory: 'relative' }, /data directory/],
    [{ dataDirectory: '/with,comma' }, /data directory/],
    [{ uidBase: 0 }, /user ids/],
    [{ uidBase: 2 ** 31 - 1000 }, /user ids/],
    [{ poolSize: 5000 }, /pool/],
    [{ startConcurrency: 0 }, /at a time/],
  ])('refuses %j', (change, message) => {
    expect(() => requireUsable({ ...options, ...change })).toThrow(message);
  });
});
