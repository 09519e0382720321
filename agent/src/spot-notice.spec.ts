import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type InstanceMetadata, startInstanceMetadata } from '../test/instance-metadata.js';
import { type SpotNotice, watchSpotNotice } from './spot-notice.js';

const notice = { status: 200, text: '{"action": "terminate", "time": "2026-11-27T08:22:00Z"}' };
let metadata: InstanceMetadata;
let watch: SpotNotice;

beforeEach(async () => {
  metadata = await startInstanceMetadata();
  watch = watchSpotNotice({ url: metadata.url, log: pino({ level: 'silent' }), everyMs: 10 });
});
afterEach(() => {
  watch.close();
  metadata.close();
});

const looks = (more: number) => {
  const enough = metadata.looks + more;
  return vi.waitFor(() => expect(metadata.looks).toBeGreaterThanOrEqual(enough));
};

describe('the watch for a spot notice', () => {
  it('says nothing until there is one, and then that; with one token', async () => {
    await looks(3);
    expect([watch.current, metadata.tokens.length]).toEqual([null, 1]);
    metadata.answer = notice;
    await vi.waitFor(() => expect(watch.current).toEqual({ action: 'terminate', at: '2026-11-27T08:22:00Z' }));
  });

  it('gets another token when its own is good no more', async () => {
    await looks(1);
    metadata.tokens.push('of somebody else');
    metadata.answer = notice;
    await vi.waitFor(() => expect(watch.current).not.toBeNull());
    expect(metadata.tokens).toHaveLength(3);
  });

  it.each([
    [500, ''],
    [200, 'nonsense'],
    [200, '{"action":"terminate"}'],
  ])('goes on asking when it is answered %i %j', async (status, text) => {
    metadata.answer = { status, text };
    await looks(3);
    expect(watch.current).toBeNull();
    metadata.answer = notice;
    await vi.waitFor(() => expect(watch.current).not.toBeNull());
  });
});
