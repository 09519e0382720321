import { describe, expect, it } from 'vitest';
import { SharedWork } from './shared-work.js';

/** Work that the test ends. */
function pending() {
  const begun: { signal: AbortSignal; finish(value: string): void; fail(error: Error): void }[] = [];
  const begin = (signal: AbortSignal) =>
    new Promise<string>((finish, fail) => {
      begun.push({ signal, finish, fail });
    });
  return { begun, begin };
}

describe('shared work', () => {
  it('is begun once for all who wait, and anew afterwards', async () => {
    const { begun, begin } = pending();
    const work = new SharedWork<string>();
    const both = [work.get('a', undefined, begin), work.get('a', new AbortController().signal, begin)];
    begun[0]?.finish('done');
    expect(await Promise.all(both)).toEqual(['done', 'done']);
    const again = work.get('a', undefined, begin);
    expect(begun).toHaveLength(2);
    begun[1]?.fail(new Error('broken'));
    await expect(again).rejects.toThrow('broken');
  });

  it('goes on when one of two leaves, who has not to wait', async () => {
    const { begun, begin } = pending();
    const work = new SharedWork<string>();
    const leaver = new AbortController();
    const [leaves, stays] = [work.get('a', leaver.signal, begin), work.get('a', undefined, begin)];
    leaver.abort(new Error('stopped'));
    await expect(leaves).rejects.toThrow('stopped');
    expect(begun[0]?.signal.aborted).toBe(false);
    begun[0]?.finish('done');
    expect(await stays).toBe('done');
  });

  it('ends when the last one leaves; who comes then begins anew', async () => {
    const { begun, begin } = pending();
    const work = new SharedWork<string>();
    const leaver = new AbortController();
    const leaves = work.get('a', leaver.signal, begin);
    leaver.abort(new Error('stopped'));
    await expect(leaves).rejects.toThrow('stopped');
    expect(begun[0]?.signal.aborted).toBe(true);
    const next = work.get('a', undefined, begin);
    begun[0]?.fail(new Error('killed'));
    begun[1]?.finish('done');
    expect(await next).toBe('done');
  });

  it('is not begun for who has left before', async () => {
    const { begun, begin } = pending();
    await expect(new SharedWork<string>().get('a', AbortSignal.abort(new Error('stopped')), begin)).rejects.toThrow('stopped');
    expect(begun).toEqual([]);
  });
});
