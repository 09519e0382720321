// A task's whole life under chance: containers that end when they like, fall ill, wait for each other and start again,
// stops at any moment, an agent that dies between any two entries. The world is a model that knows what truly ran and
// when; the agent sees it through the port's verbs.
import type { ContainerSpec, Dependency, RestartPolicy, TaskId } from '@berth/contract';
import { healthCheckSchema, stateRank } from '@berth/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../test/tasks.js';
import type { Entry } from './entries.js';
import { decodeEntries, encodeEntry } from './journal-line.js';
import { modernised } from './old-entries.js';
import { planFor, type Step, subjectOf } from './plan.js';
import { applyEntry } from './reduce.js';
import { toReport } from './report.js';
import { type AgentState, type ContainerRecord, emptyState, isLive, type TaskRecord } from './state.js';
import { dueCuts } from './usage.js';

const taskId = '00000000-0000-4000-8000-000000000001' as TaskId;
const usageIntervalMs = 1_000;
const lookEveryMs = 60_000;

interface TrueContainer {
  /** The number of the attempt that each start was. */
  readonly attempts: number[];
  /** Of the attempt that is on the host, if one is. */
  here: { readonly startedAtMs: number; endedAtMs: number | null; exitCode: number; announced: boolean } | null;
  firstStartMs: number;
  lastEndMs: number;
  lastExitCode: number;
}

type Chance = (below: number) => number;

/** The agent and its world, moved by chance. */
class Story {
  nowMs = 1_000;
  readonly lines: string[] = [];
  /** So many of the lines were waited for: a power cut can't take them. */
  synced = 0;
  state: AgentState = emptyState();
  readonly world = new Map<string, TrueContainer>();
  readonly told: TaskRecord[] = [];
  prepared = false;
  unseen = new Set<string>();
  /** What is left to do of steps that were begun. */
  readonly begun = new Map<string, () => void>();
  /** When it was to stop while nothing of it ran. */
  idleStopMs: number | null = null;
  /** What it has sent to the outside, and what the host's counter says: that begins anew now and then. */
  sentBytes = 0;
  counterBytes = 0;

  constructor(
    private readonly chance: Chance,
    readonly containers: readonly ContainerSpec[],
  ) {
    const nothing = { here: null, firstStartMs: Infinity, lastEndMs: -Infinity, lastExitCode: 0 };
    for (const { name } of containers) this.world.set(name, { attempts: [], ...nothing });
    this.write({ kind: 'accepted', taskId, atMs: this.nowMs, spec: taskSpec({ taskId, containers: [...containers] }) });
    this.synced = this.lines.length;
  }

  get record(): TaskRecord {
    return this.state.tasks.get(taskId) as TaskRecord;
  }

  /** @returns whether the task has come to its end. */
  turn(): boolean {
    this.nowMs += this.chance(2) === 0 ? this.chance(5) : this.chance(900);
    this.endSomething();
    this.send();
    const event = this.chance(9);
    if (event === 0) this.announce();
    else if (event === 1 && this.chance(12) === 0)
      this.write({ kind: 'stop-wanted', taskId, atMs: this.nowMs, code: 'UserInitiated', reason: '' });
    else if (event === 2 && this.chance(4) === 0) this.die();
    else if (event === 3) this.meter();
    else if (event === 4) this.judge();
    else this.step();
    return this.record.state === 'stopped';
  }

  private write(entry: Entry): void {
    const before = this.state.tasks.get(taskId);
    applyEntry(this.state, entry);
    this.lines.push(encodeEntry(entry));
    const { record } = this;
    if (before && !before.stop && record.stop && !before.containers.some(isLive)) this.idleStopMs = this.nowMs;
    const last = this.told.at(-1);
    if (last && last.version !== record.version) expect(record.version).toBeGreaterThan(last.version);
    if (last) expect(stateRank(record.state)).toBeGreaterThanOrEqual(stateRank(last.state));
    if (last && last.version === record.version) expect(toReport(record)).toEqual(toReport(last));
    this.told.push(record);
  }

  private endSomething(): void {
    for (const container of this.world.values()) {
      const { here } = container;
      if (!here || here.endedAtMs !== null || this.chance(12) > 0) continue;
      this.end(container, this.chance(2));
    }
  }

  private end(container: TrueContainer, exitCode: number): void {
    if (!container.here || container.here.endedAtMs !== null) return;
    Object.assign(container.here, { endedAtMs: this.nowMs, exitCode });
    Object.assign(container, { lastEndMs: this.nowMs, lastExitCode: exitCode });
  }

  private send(): void {
    const isRunning = [...this.world.values()].some(({ here }) => here !== null && here.endedAtMs === null);
    if (!isRunning || this.chance(3) > 0) return;
    const bytes = this.chance(1_000);
    this.sentBytes += bytes;
    this.counterBytes += bytes;
  }

  /** Also the counter goes, but nothing between that and when it was read. */
  private readEgress(): void {
    this.write({ kind: 'egress-read', taskId, atMs: this.nowMs, bytes: this.counterBytes });
    if (this.chance(40) > 0) return;
    this.synced = this.lines.length;
    this.counterBytes = 0;
    this.write({ kind: 'egress-read', taskId, atMs: this.nowMs, bytes: 0 });
    this.synced = this.lines.length;
  }

  /** Exits are announced late, but within the time that usage waits for them. */
  private announce(): void {
    for (const [name, { here }] of this.world) {
      if (here?.endedAtMs == null || here.announced || this.recordOf(name).state !== 'running') continue;
      here.announced = true;
      this.exit(name);
    }
  }

  private exit(container: string): void {
    const here = this.world.get(container)?.here;
    const exit = { exitCode: here?.exitCode ?? 0, signal: null, oomKilled: false, runtimeFailure: null };
    this.write({ kind: 'container-exited', taskId, atMs: here?.endedAtMs ?? this.nowMs, container, exit });
  }

  private meter(): void {
    // News of a start comes well within the notice, too.
    if (this.unseen.size > 0 || this.begun.size > 0) return;
    // The clock of the true agent can't outrun an announcement by more than the notice it gives.
    for (const { here } of this.world.values()) if (here?.endedAtMs != null && this.nowMs - here.endedAtMs > 900) this.announce();
    this.readEgress();
    for (const atMs of dueCuts(this.record.usage, this.nowMs, usageIntervalMs)) this.write({ kind: 'usage-cut', taskId, atMs });
  }

  /** A health check comes to a result, late ones of former attempts among them. */
  private judge(): void {
    const checked = this.containers.filter(({ healthCheck }) => healthCheck !== null);
    const one = checked[this.chance(Math.max(1, checked.length))];
    if (!one) return;
    const attempt = Math.max(1, this.recordOf(one.name).attempt - this.chance(2));
    const health = this.chance(3) === 0 ? 'unhealthy' : 'healthy';
    this.write({ kind: 'container-health', taskId, atMs: this.nowMs, container: one.name, attempt, health, reason: null });
  }

  /** The journal is all that is left. Which of the last entries had reached the disk is the disk's secret, but for those that were waited for. */
  private die(): void {
    const lost = this.chance(2) === 0 ? 0 : this.chance(this.lines.length - this.synced + 1);
    this.lines.splice(this.lines.length - lost);
    const survived = decodeEntries(this.lines.join('')).entries;
    this.state = emptyState();
    for (const entry of survived) applyEntry(this.state, modernised(entry));
    if (!this.record.stop) this.idleStopMs = null;
    // A state that was told and then lost is told again with a newer version; until then the receiver keeps the later one.
    const newest = this.told.at(-1)?.version ?? 0;
    this.told.splice(0);
    this.write({ kind: 'resumed', atMs: this.nowMs });
    expect(this.record.version).toBeGreaterThan(newest);
    this.synced = this.lines.length;
    this.prepared = false;
    this.begun.clear();
    this.unseen = new Set(this.record.containers.filter(isLive).map(({ name }) => name));
    for (const { here } of this.world.values()) if (here) here.announced = false;
  }

  /** Begins what is planned, or goes on with something that was begun. */
  private step(): void {
    const going = [...this.begun];
    const goOn = going[this.chance(going.length + 1)];
    if (goOn) {
      this.begun.delete(goOn[0]);
      goOn[1]();
      return;
    }
    const busy = new Set(this.begun.keys());
    const { steps, againAtMs } = planFor(this.record, { nowMs: this.nowMs, prepared: this.prepared, unseen: this.unseen, busy });
    for (const step of steps) expect(busy.has(subjectOf(step))).toBe(false);
    const step = steps[this.chance(Math.max(1, steps.length))];
    if (step) this.perform(step);
    else if (againAtMs !== null && this.chance(2) === 0) this.nowMs = Math.max(this.nowMs, againAtMs);
    else if (this.chance(lookEveryMs / 10_000) === 0) for (const { name } of this.record.containers.filter(isLive)) this.unseen.add(name);
  }

  private perform(step: Step): void {
    const atMs = this.nowMs;
    switch (step.kind) {
      case 'prepare':
        this.prepare(atMs);
        return;
      case 'startContainer':
        this.start(step.container);
        return;
      case 'clearContainer':
        this.clear(step.container);
        return;
      case 'stopContainer':
        if (this.chance(2) === 0) this.kill(step.container);
        this.write({ kind: 'stop-sent', taskId, atMs, container: step.container });
        return;
      case 'killContainer':
        this.kill(step.container);
        this.write({ kind: 'kill-sent', taskId, atMs, container: step.container });
        this.unseen.add(step.container);
        return;
      case 'observe':
        this.observe(step.container);
        return;
      case 'giveUp':
        this.write({ kind: 'stop-wanted', taskId, atMs, ...step.stop });
        return;
      case 'cleanup':
        for (const { here } of this.world.values()) expect(here === null || here.endedAtMs !== null).toBe(true);
        this.readEgress();
        this.synced = this.lines.length;
        this.write({ kind: 'cleaned', taskId, atMs });
        return;
      default:
        throw new Error(`nobody asked for ${step.kind}`);
    }
  }

  private prepare(fromMs: number): void {
    this.write({ kind: 'preparing', taskId, atMs: fromMs });
    this.nowMs += this.chance(50);
    const pulled = this.chance(2) === 0 ? { fromMs, untilMs: this.nowMs } : undefined;
    this.write({ kind: 'prepared', taskId, atMs: this.nowMs, address: null, timings: {}, ...(pulled && { pulled }) });
    this.prepared = true;
  }

  private start(name: string): void {
    const container = this.world.get(name) as TrueContainer;
    const attempt = this.recordOf(name).attempt + 1;
    this.write({ kind: 'container-starting', taskId, atMs: this.nowMs, container: name, attempt });
    this.synced = this.lines.length;
    expect(container.here, 'two attempts at a time').toBeNull();
    if (container.attempts.length === 0) this.expectDependenciesOf(name);
    const fate = this.chance(10);
    if (fate === 0) this.die();
    else if (fate === 1) this.failToStart(name);
    else this.letGo(name, container, attempt, fate === 2);
  }

  private failToStart(name: string): void {
    this.write({ kind: 'start-failed', taskId, atMs: this.nowMs, code: 'TaskFailedToStart', reason: '' });
    this.unseen.add(name);
  }

  private letGo(name: string, container: TrueContainer, attempt: number, dies: boolean): void {
    const startedAtMs = this.nowMs;
    container.attempts.push(attempt);
    container.firstStartMs = Math.min(container.firstStartMs, startedAtMs);
    container.here = { startedAtMs, endedAtMs: null, exitCode: 0, announced: false };
    if (dies) this.die();
    else this.begun.set(name, () => this.write({ kind: 'container-started', taskId, atMs: startedAtMs, container: name, timings: {} }));
  }

  private expectDependenciesOf(name: string): void {
    for (const { container, condition } of this.containers.find((each) => each.name === name)?.dependsOn ?? []) {
      const other = this.world.get(container) as TrueContainer;
      const hasEnded =
        other.attempts.length > 0 && (other.here?.endedAtMs ?? other.lastEndMs) > 0 && this.recordOf(container).state === 'exited';
      if (condition === 'START') expect(other.attempts.length).toBeGreaterThan(0);
      if (condition === 'COMPLETE') expect(hasEnded).toBe(true);
      if (condition === 'SUCCESS') expect([hasEnded, other.lastExitCode]).toEqual([true, 0]);
      if (condition === 'HEALTHY') expect(this.recordOf(container)).toMatchObject({ state: 'running', health: 'healthy' });
    }
  }

  private clear(name: string): void {
    this.synced = this.lines.length;
    const container = this.world.get(name) as TrueContainer;
    expect(container.here?.endedAtMs, 'it was taken away alive').not.toBeNull();
    container.here = null;
    this.begun.set(name, () => this.write({ kind: 'container-cleared', taskId, atMs: this.nowMs, container: name }));
  }

  private kill(name: string): void {
    this.end(this.world.get(name) as TrueContainer, 137);
  }

  private observe(name: string): void {
    const { here } = this.world.get(name) as TrueContainer;
    this.unseen.delete(name);
    if (!here) this.write({ kind: 'container-absent', taskId, atMs: this.nowMs, container: name });
    else if (here.endedAtMs === null)
      this.write({ kind: 'container-started', taskId, atMs: here.startedAtMs, container: name, timings: {} });
    else this.exit(name);
  }

  private recordOf(name: string): ContainerRecord {
    return this.record.containers.find((each) => each.name === name) as ContainerRecord;
  }
}

const policies = fc.option(
  fc.record({
    mode: fc.constantFrom<RestartPolicy['mode']>('always', 'on-failure'),
    ignoredExitCodes: fc.subarray([1, 137]),
    maxAttempts: fc.option(fc.integer({ min: 1, max: 3 })),
    resetAfterSeconds: fc.constant(5),
  }),
);
const conditions = fc.constantFrom<Dependency['condition']>('START', 'COMPLETE', 'SUCCESS', 'HEALTHY');

/** Containers that wait for some of those before them. */
const lists: fc.Arbitrary<ContainerSpec[]> = fc
  .array(
    fc.record({
      essential: fc.boolean(),
      policy: policies,
      needs: fc.array(fc.option(conditions), { maxLength: 3 }),
      checked: fc.boolean(),
    }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((list) =>
    list.map(({ essential, policy, needs, checked }, index) => {
      const dependsOn = needs.slice(0, index).flatMap((condition, at) => (condition ? [{ container: `c${at}`, condition }] : []));
      const healthCheck = checked ? healthCheckSchema.parse({ tcp: { port: 1 } }) : null;
      const life = { dependsOn, healthCheck, restartPolicy: policy };
      return containerSpec({ name: `c${index}`, essential, stopTimeoutSeconds: 1, startTimeoutSeconds: 30, ...life });
    }),
  );

describe('a task', () => {
  it('makes each attempt at most once and none beside another, in order, ends, and its usage is exactly the time it held', () => {
    const choices = fc.infiniteStream(fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(choices, lists, (stream, containers) => {
        const story = new Story((below) => Number(stream.next().value) % below, containers);
        let turns = 0;
        while (!story.turn()) expect(++turns, 'it never ends').toBeLessThan(10_000);
        const { record, world, idleStopMs } = story;
        const ran = [...world.values()].filter(({ attempts }) => attempts.length > 0);
        for (const { attempts } of ran) expect(attempts).toEqual(attempts.map((_, index) => index + 1));
        const first = Math.min(...ran.map(({ firstStartMs }) => firstStartMs));
        const last = Math.max(...ran.map(({ lastEndMs }) => lastEndMs), ran.length > 0 ? (idleStopMs ?? -Infinity) : -Infinity);
        const told = record.unackedUsage.map(({ sequence, startedAt, endedAt, pull = false, egressBytes = 0 }) => ({
          ...{ sequence, pull, egressBytes },
          from: Date.parse(startedAt),
          to: Date.parse(endedAt),
        }));
        expect(told.map(({ sequence }) => sequence)).toEqual(told.map((_, index) => index));
        expect(told.reduce((sum, { egressBytes }) => sum + egressBytes, 0)).toBe(story.sentBytes);
        const usage = told.filter(({ pull }) => !pull);
        // Pulls come first, one after the other.
        for (const [index, { to }] of told.slice(0, told.length - usage.length).entries()) {
          expect(told[index]?.pull).toBe(true);
          expect(to).toBeLessThanOrEqual(told[index + 1]?.from ?? Number.POSITIVE_INFINITY);
        }
        expect(usage[0]?.from ?? Number.POSITIVE_INFINITY).toBe(first);
        // What was told of already is not taken back.
        expect(usage.at(-1)?.to ?? Number.NEGATIVE_INFINITY).toBe(Math.max(last, usage.at(-1)?.from ?? last));
        for (const [index, { from, to }] of usage.entries()) {
          expect(to).toBeGreaterThanOrEqual(from);
          if (index > 0) expect(from).toBe(usage[index - 1]?.to);
        }
        const times = Object.values(record.reachedAtMs);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});
