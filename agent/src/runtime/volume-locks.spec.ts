import fc from 'fast-check';
import { expect, it } from 'vitest';
import { VolumeLocks, type VolumeUse } from './volume-locks.js';

const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

it('lets many read and one write, and those that wait get their turn', async () => {
  const locks = new VolumeLocks();
  await locks.wait('w1', [{ id: 'v', write: true }], never);
  await locks.wait('r', [{ id: 'v', write: false }], never);
  const order: string[] = [];
  const second = locks.wait('w2', [{ id: 'v', write: true }], never).then(() => order.push('w2'));
  await settled();
  expect(order).toEqual([]);
  locks.release('w1');
  await second;
  expect([order, locks.isUsed('v')]).toEqual([['w2'], true]);
  for (const task of ['w2', 'r']) locks.release(task);
  expect(locks.isUsed('v')).toBe(false);
});

it('holds nothing while it waits, and nothing after it gave up', async () => {
  const locks = new VolumeLocks();
  await locks.wait('a', [{ id: 'x', write: true }], never);
  const giveUp = new AbortController();
  const both = locks.wait(
    'b',
    [
      { id: 'x', write: true },
      { id: 'y', write: true },
    ],
    giveUp.signal,
  );
  await locks.wait('c', [{ id: 'y', write: true }], never);
  giveUp.abort(new Error('stopped'));
  await expect(both).rejects.toThrow('stopped');
  for (const task of ['a', 'c']) locks.release(task);
  expect([locks.isUsed('x'), locks.isUsed('y')]).toEqual([false, false]);
});

it('waits for nobody a second time: a task that is prepared again has what it had', async () => {
  const locks = new VolumeLocks();
  locks.take('a', [{ id: 'x', write: true }]);
  await locks.wait('a', [{ id: 'x', write: true }], never);
});

it('never has two that write one volume, and in the end everybody had their turn', async () => {
  const use = fc.record({ id: fc.constantFrom('x', 'y', 'z'), write: fc.boolean() });
  const uses = fc.uniqueArray(use, { selector: ({ id }) => id, minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(uses, { minLength: 1, maxLength: 8 }), async (tasks) => {
      const locks = new VolumeLocks();
      const holding = new Map<number, readonly VolumeUse[]>();
      const turns = tasks.map(async (wanted, task) => {
        await locks.wait(String(task), wanted, never);
        holding.set(task, wanted);
        for (const id of ['x', 'y', 'z'])
          expect([...holding.values()].filter((held) => held.some((one) => one.id === id && one.write)).length).toBeLessThanOrEqual(1);
        await settled();
        holding.delete(task);
        locks.release(String(task));
      });
      await Promise.all(turns);
    }),
  );
});
