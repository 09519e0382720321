import { taskReportSchema } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../test/tasks.js';
import { applyEntry } from './reduce.js';
import { reportDelayMs, toReport } from './report.js';
import { emptyState, type TaskRecord } from './state.js';

describe('a report', () => {
  const spec = taskSpec({ containers: [containerSpec()] });
  const { taskId } = spec;
  const state = emptyState();
  applyEntry(state, { kind: 'accepted', taskId, atMs: 0, spec });
  applyEntry(state, { kind: 'preparing', taskId, atMs: 1 });
  applyEntry(state, { kind: 'prepared', taskId, atMs: 2, address: '10.0.0.9', timings: { image: 1 } });

  it('says what the contract asks for', () => {
    const report = toReport(state.tasks.get(taskId) as TaskRecord);
    expect(taskReportSchema.parse(report)).toEqual(report);
    expect(report).toMatchObject({
      version: 3,
      state: 'starting',
      reachedAt: { starting: '1970-01-01T00:00:00.001Z' },
      address: '10.0.0.9',
      startTimings: { image: 1 },
    });
  });

  it('is prompt about what people wait for', () => {
    expect(reportDelayMs('running')).toBe(0);
    expect(reportDelayMs('stopped')).toBe(0);
    expect(reportDelayMs('starting')).toBeGreaterThan(0);
  });
});
