import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { taskSpec } from '../test/tasks.js';
import { openJournal } from './journal.js';
import { memoryStorage } from './journal-storage.js';
import { beginLife } from './life.js';

const log = pino({ level: 'silent' });

describe('a life of the agent', () => {
  it('goes by the clock of the first one of its boot', async () => {
    const storage = memoryStorage();
    const first = await openJournal({ storage, log });
    beginLife(first, 'boot-1');
    const { anchor } = first.state;
    await first.close();
    const second = await openJournal({ storage, log });
    beginLife(second, 'boot-1');
    expect(second.state.anchor).toEqual(anchor);
  });

  it('ends what ran in another boot at its last sign of life', async () => {
    const storage = memoryStorage();
    const spec = taskSpec();
    const { taskId } = spec;
    const first = await openJournal({ storage, log });
    first.append({ kind: 'anchored', anchor: { bootId: 'boot-1', wallMs: 0, monotonicMs: 0 } });
    first.append({ kind: 'accepted', taskId, atMs: 10, spec });
    first.append({ kind: 'container-starting', taskId, atMs: 20, container: 'main' });
    first.append({ kind: 'container-started', taskId, atMs: 30, container: 'main', timings: {} });
    first.append({ kind: 'alive', atMs: 500 });
    await first.close();
    const second = await openJournal({ storage, log });
    const clock = beginLife(second, 'boot-2');
    expect(second.state.anchor?.bootId).toBe('boot-2');
    expect(clock.now()).toBeGreaterThan(1_000_000_000_000);
    second.append({ kind: 'cleaned', taskId, atMs: 900 });
    expect(second.state.tasks.get(taskId)).toMatchObject({
      stop: { code: 'HostRebooted' },
      unackedUsage: [{ startedAt: '1970-01-01T00:00:00.030Z', endedAt: '1970-01-01T00:00:00.500Z' }],
    });
  });
});
