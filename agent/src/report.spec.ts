import { healthCheckSchema, restartPolicySchema, taskReportSchema } from '@berth/contract';
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

  it('tells of restarts, health and protection', () => {
    const life = { healthCheck: healthCheckSchema.parse({ tcp: { port: 80 } }), restartPolicy: restartPolicySchema.parse({}) };
    const again = taskSpec({ taskId, containers: [containerSpec(life)] });
    const exit = { exitCode: 3, signal: null, oomKilled: false, runtimeFailure: null };
    const of = { taskId, container: 'main' };
    const run = emptyState();
    const report = () => toReport(run.tasks.get(taskId) as TaskRecord);
    applyEntry(run, { kind: 'accepted', taskId, atMs: 0, spec: again });
    applyEntry(run, { kind: 'container-starting', ...of, atMs: 1, attempt: 1 });
    applyEntry(run, { kind: 'container-started', ...of, atMs: 2, timings: {} });
    applyEntry(run, { kind: 'container-exited', ...of, atMs: 5, exit });
    const lastExit = { exitCode: 3, signal: null, reason: null, finishedAt: '1970-01-01T00:00:00.005Z' };
    const waits = { state: 'waiting', exitCode: null, restartCount: 0, lastExit, nextStartAt: '1970-01-01T00:00:01.005Z' };
    expect(report()).toMatchObject({ state: 'running', health: 'unknown', protection: null, containers: [waits] });
    applyEntry(run, { kind: 'container-cleared', ...of, atMs: 6 });
    applyEntry(run, { kind: 'container-starting', ...of, atMs: 1010, attempt: 2 });
    applyEntry(run, { kind: 'container-started', ...of, atMs: 1020, timings: {} });
    applyEntry(run, { kind: 'container-health', ...of, atMs: 1030, attempt: 1, health: 'healthy', reason: null });
    expect(report().health).toBe('unknown');
    applyEntry(run, { kind: 'container-health', ...of, atMs: 1040, attempt: 2, health: 'unhealthy', reason: 'HTTP 503' });
    applyEntry(run, { kind: 'protection-set', taskId, atMs: 1050, untilMs: 2000 });
    expect(taskReportSchema.parse(report())).toMatchObject({
      health: 'unhealthy',
      protection: { setAt: '1970-01-01T00:00:01.050Z', expiresAt: '1970-01-01T00:00:02.000Z' },
      containers: [{ state: 'running', restartCount: 1, lastExit, nextStartAt: null, health: 'unhealthy', healthReason: 'HTTP 503' }],
    });
    applyEntry(run, { kind: 'stop-sent', ...of, atMs: 1060 });
    applyEntry(run, { kind: 'container-exited', ...of, atMs: 1070, exit });
    applyEntry(run, { kind: 'stop-wanted', taskId, atMs: 1500, code: 'UserInitiated', reason: '' });
    expect(report()).toMatchObject({
      state: 'stopping',
      containers: [{ state: 'exited', exitCode: 3, restartCount: 1, nextStartAt: null }],
    });
  });

  it('is prompt about what people wait for', () => {
    expect(reportDelayMs('running')).toBe(0);
    expect(reportDelayMs('stopped')).toBe(0);
    expect(reportDelayMs('starting')).toBeGreaterThan(0);
  });
});
