import type { TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { taskSpec } from '../test/tasks.js';
import { committed, refusal } from './admission.js';
import { applyEntry } from './reduce.js';
import { emptyState } from './state.js';

const capacity = { cpuMillis: 1000, memoryMiB: 512, taskSlots: 2, diskMiB: 2000 };
const nothing = { cpuMillis: 0, memoryMiB: 0, taskSlots: 0, diskMiB: 0 };

describe('admission', () => {
  it.each([
    { name: 'the last bit', needs: { cpuMillis: 1000, memoryMiB: 512 }, held: nothing, says: null },
    {
      name: 'CPU',
      needs: { cpuMillis: 300, memoryMiB: 1 },
      held: { cpuMillis: 800, memoryMiB: 0, taskSlots: 1 },
      says: 'needs 300 CPU millis; the host has 200 of 1000 free',
    },
    {
      name: 'GPUs',
      needs: { cpuMillis: 1, memoryMiB: 1, gpus: 2 },
      held: nothing,
      says: 'needs 2 GPUs, and agents do not hand GPUs to containers yet',
    },
    {
      name: 'memory',
      needs: { cpuMillis: 1, memoryMiB: 500 },
      held: { cpuMillis: 0, memoryMiB: 13, taskSlots: 1 },
      says: 'needs 500 MiB; the host has 499 of 512 free',
    },
    {
      name: 'disk, a default one among them',
      needs: { cpuMillis: 1, memoryMiB: 1 },
      held: { cpuMillis: 0, memoryMiB: 0, taskSlots: 0, diskMiB: 1000 },
      says: 'needs 1024 MiB of disk; the host has 1000 of 2000 free',
    },
    {
      name: 'slots',
      needs: { cpuMillis: 1, memoryMiB: 1 },
      held: { cpuMillis: 2, memoryMiB: 2, taskSlots: 2 },
      says: 'all of its 2 task slots taken',
    },
    {
      name: 'a host that shrank',
      needs: { cpuMillis: 1, memoryMiB: 1 },
      held: { cpuMillis: 2000, memoryMiB: 2, taskSlots: 1 },
      says: 'has 0 of 1000 free',
    },
  ])('looks at $name', ({ needs, held, says }) => {
    const reason = refusal(needs, held, capacity);
    if (says === null) expect(reason).toBeNull();
    else expect(reason).toContain(says);
  });

  it('counts what is held until it is cleaned up', () => {
    const state = emptyState();
    const taskId = '00000000-0000-4000-8000-000000000001' as TaskId;
    const size = { cpuMillis: 100, memoryMiB: 64 };
    applyEntry(state, { kind: 'accepted', taskId, atMs: 1, spec: taskSpec({ taskId, ...size }) });
    applyEntry(state, { kind: 'stop-wanted', taskId, atMs: 2, code: 'UserInitiated', reason: '' });
    expect(committed(state)).toEqual({ ...size, taskSlots: 1, diskMiB: 1024 });
    applyEntry(state, { kind: 'cleaned', taskId, atMs: 3 });
    expect(committed(state)).toEqual({ ...nothing, diskMiB: 0 });
    expect(committed(state, 300)).toEqual({ ...nothing, diskMiB: 300 });
  });
});
