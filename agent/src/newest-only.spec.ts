import { describe, expect, it } from 'vitest';
import { newestOnly } from './newest-only.js';

/** Carries out what it is told to, one at a time, when the test says so. */
function held() {
  const begun: string[] = [];
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const failed: string[] = [];
  const work = (item: string) =>
    new Promise<void>((resolve, reject) => {
      begun.push(item);
      waiting.push({ resolve, reject });
    });
  const newest = newestOnly<string>(work, (_, item) => failed.push(item), 0);
  const next = () => waiting.shift() as { resolve: () => void; reject: (error: Error) => void };
  return { newest, begun, failed, next };
}
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('newestOnly', () => {
  it('leaves out what was overtaken while it waited', async () => {
    const { newest, begun, next } = held();
    for (const item of ['one', 'two', 'three']) newest.take(item);
    next().resolve();
    await turn();
    expect(begun).toEqual(['one', 'three']);
  });

  it('tries again what failed, unless something newer has come', async () => {
    const { newest, begun, failed, next } = held();
    newest.take('one');
    next().reject(new Error('no'));
    await turn();
    expect([begun, failed]).toEqual([['one', 'one'], ['one']]);
    newest.take('two');
    next().reject(new Error('no'));
    await turn();
    expect(begun).toEqual(['one', 'one', 'two']);
  });

  it('begins nothing more once closed', async () => {
    const { newest, begun, next } = held();
    for (const item of ['one', 'two']) newest.take(item);
    newest.close();
    next().resolve();
    await turn();
    expect(begun).toEqual(['one']);
  });
});
