import type { DesiredTask, TaskId, TaskSpec } from '@berth/contract';
import { beforeEach, describe, expect, it } from 'vitest';
import { DesiredOutbox } from './desired-outbox.js';

const run = (id: string, padding = ''): DesiredTask => ({ taskId: id as TaskId, desired: 'running', spec: { name: padding } as TaskSpec });
const stop = (id: string): DesiredTask => ({ taskId: id as TaskId, desired: 'stopped', stopCode: 'UserInitiated', reason: '' });
const delta = { full: false, nowMs: 0 };

describe('DesiredOutbox', () => {
  let outbox: DesiredOutbox;
  const told = (tasks: DesiredTask[], options = delta) =>
    outbox
      .frames(1, tasks, options)
      .map(({ seq, full, tasks: inFrame }) => [seq, full, inFrame.map(({ taskId, desired }) => `${taskId} ${desired}`).join()]);
  beforeEach(() => {
    outbox = new DesiredOutbox();
  });

  it('numbers frames and says nothing twice', () => {
    expect(told([run('a'), run('b')])).toEqual([[1, false, 'a running,b running']]);
    expect(told([run('a')])).toEqual([]);
    expect(told([run('a'), run('c')])).toEqual([[2, false, 'c running']]);
  });

  it('sends a full state even when it is empty', () => {
    expect(told([], { full: true, nowMs: 0 })).toEqual([[1, true, '']]);
  });

  it('never takes a stop back', () => {
    told([run('a')]);
    expect(told([stop('a')])).toEqual([[2, false, 'a stopped']]);
    expect(told([run('a'), stop('a')])).toEqual([]);
  });

  it('never starts an ended task again, until that is surely not on its way any more', () => {
    told([run('a')]);
    outbox.forget(['a' as TaskId], 1000);
    expect(told([run('a'), stop('a')])).toEqual([]);
    outbox.prune(1500, 1000);
    expect(told([run('a')])).toEqual([]);
    outbox.prune(2500, 1000);
    expect(outbox.wasTold('a' as TaskId, 'running')).toBe(false);
  });

  it('sends what was not acknowledged again, and gives up in the end', () => {
    told([run('a')]);
    told([run('b')]);
    outbox.acknowledge(1);
    expect(outbox.overdue(99, 100, 3)).toEqual([]);
    expect(outbox.overdue(100, 100, 3)?.map(({ seq }) => seq)).toEqual([2]);
    expect(outbox.overdue(150, 100, 3)).toEqual([]);
    expect(outbox.overdue(200, 100, 3)?.map(({ seq }) => seq)).toEqual([2]);
    expect(outbox.overdue(300, 100, 3)).toBeNull();
  });

  it('splits what is too large for one frame; only the first is the full one', () => {
    const large = 'x'.repeat(1_500_000);
    expect(told([run('a', large), run('b', large)], { full: true, nowMs: 0 })).toEqual([
      [1, true, 'a running'],
      [2, false, 'b running'],
    ]);
  });
});
