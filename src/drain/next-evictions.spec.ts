import type { DisruptionBudget, OnHostDrain, TaskId } from '@berth/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DisruptionGroup, minAvailable } from '../placement/budget.js';
import { type EvictionStep, type LeavingTask, nextEvictions, type Replacement } from './next-evictions.js';

const nowMs = Date.parse('2026-11-27T12:00:00Z');
const hourMs = 3_600_000;

const leaving = (more: Partial<LeavingTask> = {}): LeavingTask => ({
  id: 'a' as TaskId,
  groupId: 'g',
  onHostDrain: 'replace',
  state: 'running',
  desiredState: 'running',
  stopCode: null,
  available: true,
  protectedUntilMs: null,
  deadlineMs: nowMs + hourMs,
  eviction: null,
  ...more,
});
const replacement = (more: Partial<Replacement> = {}): Replacement => ({
  id: 'b' as TaskId,
  state: 'running',
  stopCode: null,
  available: true,
  ...more,
});
const eviction = (by: Replacement | null, more = {}) => ({ id: '7', attempts: 1, attemptedAtMs: nowMs - 1000, replacement: by, ...more });
const group = (more: Partial<DisruptionGroup> = {}): DisruptionGroup => ({
  budget: null,
  wanted: 1,
  available: 1,
  underWay: 0,
  begunAtMs: [],
  ...more,
});
const decide = (task: LeavingTask, of: DisruptionGroup = group()) => {
  const { steps, waiting } = nextEvictions([task], new Map([['g', of]]), nowMs);
  return steps.length > 0 ? steps.map(inWords) : (waiting.get(task.id) ?? '');
};
const inWords = (step: EvictionStep) => {
  if (step.do === 'begin') return `begin${step.replaceNow ? '' : ' alone'}${step.forced ? ', forced' : ''}`;
  if (step.do === 'stop') return `stop: ${step.stopCode}${step.forced ? ', forced' : ''}`;
  return step.do;
};

describe('one task', () => {
  it.each<[string, LeavingTask, DisruptionGroup | undefined, string[] | RegExp]>([
    ['is replaced', leaving(), undefined, ['begin']],
    [
      'waits for its replacement',
      leaving({ eviction: eviction(replacement({ state: 'starting', available: false })) }),
      undefined,
      /starting/,
    ],
    ['stops when that runs', leaving({ eviction: eviction(replacement()) }), group({ available: 2 }), ['stop: Replaced']],
    [
      'stops when that runs, also where nobody counts',
      leaving({ eviction: eviction(replacement()) }),
      group({ wanted: 0, available: 0 }),
      ['stop: Replaced'],
    ],
    [
      'that must not run twice stops where nobody counts',
      leaving({ onHostDrain: 'restart' }),
      group({ wanted: 0, available: 0 }),
      ['begin alone', 'stop: Replaced'],
    ],
    [
      'waits for a replacement that is unhealthy',
      leaving({ eviction: eviction(replacement({ available: false })) }),
      undefined,
      /is running/,
    ],
    [
      'gets another when that has failed',
      leaving({
        eviction: eviction(replacement({ state: 'stopped', stopCode: 'ImagePullFailed', available: false }), {
          attemptedAtMs: nowMs - 60_000,
        }),
      }),
      undefined,
      ['replace'],
    ],
    [
      'but not at once',
      leaving({ eviction: eviction(replacement({ state: 'stopped', stopCode: 'ImagePullFailed', available: false })) }),
      undefined,
      /another one is tried/,
    ],
    [
      'and not when somebody stopped it',
      leaving({ eviction: eviction(replacement({ state: 'stopped', stopCode: 'UserInitiated', available: false }), { attemptedAtMs: 0 }) }),
      undefined,
      /by request/,
    ],
    ['may end by itself', leaving({ onHostDrain: 'wait' }), undefined, /until the deadline/],
    ['may not go on after the deadline', leaving({ onHostDrain: 'wait', deadlineMs: nowMs }), undefined, ['stop: HostDrained, forced']],
    ['is protected', leaving({ protectedUntilMs: nowMs + 1 }), undefined, /protected/],
    ['is protected no more', leaving({ protectedUntilMs: nowMs }), undefined, ['begin']],
    [
      'is protected up to the deadline',
      leaving({ protectedUntilMs: nowMs + hourMs, deadlineMs: nowMs }),
      undefined,
      ['begin, forced', 'stop: HostDrained, forced'],
    ],
    [
      'hands over at the deadline if it can',
      leaving({ deadlineMs: nowMs, eviction: eviction(replacement()) }),
      undefined,
      ['stop: Replaced'],
    ],
    ['that must not run twice stops first', leaving({ onHostDrain: 'restart' }), undefined, ['begin alone', 'stop: Replaced']],
    [
      'that must not run twice, and has to run',
      leaving({ onHostDrain: 'restart' }),
      group({ budget: { minAvailablePercent: 100 } }),
      /keeps 1 of 1/,
    ],
    [
      'that must not run twice starts again after its end',
      leaving({
        onHostDrain: 'restart',
        state: 'stopped',
        desiredState: 'stopped',
        stopCode: 'Replaced',
        available: false,
        eviction: eviction(null),
      }),
      undefined,
      ['replace'],
    ],
    ['whose stop got lost is stopped', leaving({ onHostDrain: 'restart', eviction: eviction(null) }), undefined, ['stop: Replaced']],
    [
      'is being stopped',
      leaving({ desiredState: 'stopped', stopCode: 'Replaced', available: false, eviction: eviction(replacement()) }),
      undefined,
      /is being stopped/,
    ],
    [
      'that its owner stops needs no replacement',
      leaving({ desiredState: 'stopped', stopCode: 'UserInitiated', available: false, eviction: eviction(replacement()) }),
      undefined,
      ['withdraw'],
    ],
    [
      'that ended by itself needs none',
      leaving({
        state: 'stopped',
        stopCode: 'EssentialContainerExited',
        available: false,
        eviction: eviction(replacement({ state: 'pending', available: false })),
      }),
      undefined,
      ['withdraw'],
    ],
    [
      'that was lost with its host needs it',
      leaving({
        state: 'stopped',
        stopCode: 'HostLost',
        available: false,
        eviction: eviction(replacement({ state: 'pending', available: false })),
      }),
      undefined,
      ['end'],
    ],
    [
      'that has handed over is done',
      leaving({ state: 'stopped', desiredState: 'stopped', stopCode: 'Replaced', available: false, eviction: eviction(replacement()) }),
      undefined,
      ['end'],
    ],
    [
      'stays when the drain is called off',
      leaving({ deadlineMs: null, eviction: eviction(replacement({ state: 'pending', available: false })) }),
      undefined,
      ['withdraw'],
    ],
    [
      'still hands over when that is ready',
      leaving({ deadlineMs: null, eviction: eviction(replacement()) }),
      undefined,
      ['stop: Replaced'],
    ],
    [
      'waits for others of its kind',
      leaving(),
      group({ budget: { maxUnavailable: 1 }, wanted: 3, available: 3, underWay: 1 }),
      /1 of its kind/,
    ],
    [
      'waits for its turn within the hour',
      leaving(),
      group({ budget: { maxPerHour: 2 }, begunAtMs: [nowMs - hourMs + 1, nowMs - 5] }),
      /2 moves within an hour/,
    ],
    ['has its turn an hour later', leaving(), group({ budget: { maxPerHour: 2 }, begunAtMs: [nowMs - hourMs, nowMs - 5] }), ['begin']],
    [
      'waits for its window',
      leaving(),
      group({ budget: { windows: [{ days: ['sat'], from: '00:00', to: '00:00', timeZone: 'UTC' }] } }),
      /time of the week/,
    ],
    [
      'keeps running while others are down',
      leaving({ eviction: eviction(replacement()) }),
      group({ budget: { minAvailablePercent: 100 }, wanted: 3, available: 3 }),
      /keeps 3 of 3/,
    ],
  ])('%s', (_, task, of, expected) => {
    const decided = decide(task, of);
    if (expected instanceof RegExp) expect(decided).toMatch(expected);
    else expect(decided).toEqual(expected);
  });
});

/** A group of tasks on one draining host and elsewhere, stepped through time with the decisions carried out. */
interface Plot {
  readonly budget: DisruptionBudget | null;
  readonly modes: readonly OnHostDrain[];
  readonly elsewhere: number;
  readonly protectedUntil: readonly number[];
  readonly deadlineAfterSteps: number;
  /** For each step: whether replacements that wait start, fail, or go on waiting; whether stops come through. */
  readonly luck: readonly { readonly start: boolean; readonly fail: boolean; readonly stop: boolean }[];
}

const stepMs = 5 * 60_000;

const plots: fc.Arbitrary<Plot> = fc.record({
  budget: fc.oneof<fc.Arbitrary<DisruptionBudget | null>[]>(
    fc.constant(null),
    fc.record({ minAvailablePercent: fc.integer({ min: 0, max: 100 }) }),
    fc.record({ maxUnavailable: fc.integer({ min: 1, max: 4 }), maxPerHour: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ maxPerHour: fc.integer({ min: 1, max: 3 }) }),
    fc.record({
      minAvailablePercent: fc.integer({ min: 0, max: 100 }),
      windows: fc.constant<DisruptionBudget['windows']>([{ days: ['fri'], from: '12:30', to: '13:10', timeZone: 'UTC' }]),
    }),
  ),
  modes: fc.array(fc.constantFrom<OnHostDrain>('replace', 'replace', 'restart', 'wait'), { minLength: 1, maxLength: 8 }),
  elsewhere: fc.integer({ min: 0, max: 6 }),
  protectedUntil: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 8, maxLength: 8 }),
  deadlineAfterSteps: fc.integer({ min: 0, max: 30 }),
  luck: fc.array(fc.record({ start: fc.boolean(), fail: fc.boolean(), stop: fc.boolean() }), { minLength: 40, maxLength: 40 }),
});

interface Actor {
  task: LeavingTask;
  ended: boolean;
}

class Stage {
  readonly actors: Actor[];
  readonly begun: { atMs: number; forced: boolean }[] = [];
  stepsDone = 0;
  private ids = 0;

  constructor(private readonly plot: Plot) {
    this.actors = plot.modes.map((onHostDrain, n) => ({
      ended: false,
      task: leaving({
        id: `t${n}` as TaskId,
        onHostDrain,
        protectedUntilMs: nowMs + (plot.protectedUntil[n] ?? 0) * stepMs,
        deadlineMs: nowMs + plot.deadlineAfterSteps * stepMs,
      }),
    }));
  }

  get nowMs(): number {
    return nowMs + this.stepsDone * stepMs;
  }

  get wanted(): number {
    return (
      this.plot.elsewhere +
      this.plot.modes.length -
      this.actors.filter(({ task }) => task.stopCode === 'HostDrained' && task.onHostDrain === 'wait').length
    );
  }

  get available(): number {
    const olds = this.actors.filter(({ task }) => task.available).length;
    return this.plot.elsewhere + olds + this.actors.filter(({ task }) => task.eviction?.replacement?.available).length;
  }

  group(): DisruptionGroup {
    const underWay = this.actors.filter(({ task, ended }) => task.eviction && !ended).length;
    return {
      budget: this.plot.budget,
      wanted: this.wanted,
      available: this.available,
      underWay,
      begunAtMs: this.begun.map(({ atMs }) => atMs),
    };
  }

  leaving(): LeavingTask[] {
    return this.actors.filter(({ task, ended }) => !ended && (task.state !== 'stopped' || task.eviction)).map(({ task }) => task);
  }

  carryOut(step: EvictionStep): void {
    const actor = this.actors.find(({ task }) => task.id === step.taskId) as Actor;
    const { task } = actor;
    const fresh = () => replacement({ id: `r${this.ids++}` as TaskId, state: 'pending', available: false });
    if (step.do === 'begin') {
      expect(task.eviction).toBeNull();
      this.begun.push({ atMs: this.nowMs, forced: step.forced });
      actor.task = { ...task, eviction: eviction(step.replaceNow ? fresh() : null, { id: task.id, attemptedAtMs: this.nowMs }) };
    } else if (step.do === 'replace' && task.eviction) {
      const before = task.eviction.replacement;
      expect(before === null || before.state === 'stopped').toBe(true);
      actor.task = {
        ...task,
        eviction: {
          ...task.eviction,
          attempts: task.eviction.attempts + (before ? 1 : 0),
          attemptedAtMs: this.nowMs,
          replacement: fresh(),
        },
      };
    } else if (step.do === 'stop') {
      actor.task = { ...task, desiredState: 'stopped', stopCode: step.stopCode, available: false, state: 'stopping' };
    } else {
      actor.ended = true;
    }
  }

  /** What the hosts do between two decisions. */
  pass({ start, fail, stop }: Plot['luck'][number]): void {
    this.stepsDone += 1;
    for (const actor of this.actors) {
      const { task } = actor;
      if (stop && task.state === 'stopping') actor.task = { ...task, state: 'stopped' };
      const of = actor.task.eviction;
      if (of?.replacement?.state !== 'pending') continue;
      const next = start
        ? replacement({ id: of.replacement.id })
        : fail
          ? replacement({ id: of.replacement.id, state: 'stopped', stopCode: 'ImagePullFailed', available: false })
          : of.replacement;
      actor.task = { ...actor.task, eviction: { ...of, replacement: next } };
    }
  }
}

describe('a drain, whatever happens', () => {
  it('keeps budgets, rates, windows and protection until the deadline, and is over soon after it', () => {
    fc.assert(
      fc.property(plots, (plot) => {
        const stage = new Stage(plot);
        const deadlineMs = nowMs + plot.deadlineAfterSteps * stepMs;
        for (const luck of plot.luck) {
          const { steps } = nextEvictions(stage.leaving(), new Map([['g', stage.group()]]), stage.nowMs);
          for (const step of steps) {
            const [before, mustRun] = [stage.available, minAvailable(plot.budget, stage.wanted)];
            const task = stage.actors.find((actor) => actor.task.id === step.taskId)?.task as LeavingTask;
            stage.carryOut(step);
            if (stage.nowMs >= deadlineMs) continue;
            if (step.do === 'stop') {
              expect(step.forced).toBe(false);
              expect(task.onHostDrain).not.toBe('wait');
              expect(task.protectedUntilMs ?? 0).toBeLessThanOrEqual(stage.nowMs);
              if (task.onHostDrain === 'replace') expect(task.eviction?.replacement?.available).toBe(true);
              expect(stage.available).toBeGreaterThanOrEqual(Math.min(mustRun, before));
              if (before > stage.available) expect(stage.available).toBeGreaterThanOrEqual(mustRun);
            }
            if (step.do === 'begin') {
              expect(step.forced).toBe(false);
              const lately = stage.begun.filter(({ atMs }) => stage.nowMs - atMs < hourMs).length;
              expect(lately).toBeLessThanOrEqual(plot.budget?.maxPerHour ?? Number.POSITIVE_INFINITY);
              if (plot.budget?.windows) {
                const minute = (stage.nowMs / 60_000) % 1440;
                expect(minute >= 750 && minute < 790).toBe(true);
              }
            }
          }
          if (stage.nowMs >= deadlineMs) expect(stage.actors.filter(({ task }) => task.desiredState === 'running')).toEqual([]);
          stage.pass(luck);
        }
        // Nothing is lost: whoever asked for a successor has one under way or running, unless it still stands itself.
        for (const { task } of stage.actors) {
          if (task.onHostDrain !== 'wait' && task.desiredState === 'stopped') expect(task.eviction).not.toBeNull();
        }
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  it('comes to its end without a deadline, when replacements start and no budget forbids it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom<DisruptionBudget | null>(null, { minAvailablePercent: 100 }, { maxUnavailable: 3 }),
        (tasks, budget) => {
          const plot: Plot = {
            budget,
            modes: Array(tasks).fill('replace'),
            elsewhere: 0,
            protectedUntil: [],
            deadlineAfterSteps: 1e6,
            luck: [],
          };
          const stage = new Stage(plot);
          for (let n = 0; n < 3 * tasks + 3 && stage.leaving().length > 0; n++) {
            for (const step of nextEvictions(stage.leaving(), new Map([['g', stage.group()]]), stage.nowMs).steps) stage.carryOut(step);
            stage.pass({ start: true, fail: false, stop: true });
          }
          expect(stage.leaving()).toEqual([]);
          expect(stage.available).toBe(tasks);
          expect(stage.begun.length).toBe(tasks);
        },
      ),
      { numRuns: 100 },
    );
  }, 60_000);
});
