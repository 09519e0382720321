// A task's whole life under chance: containers that end when they like, stops at any moment, an agent that dies between
// any two entries. The world is a model that knows what truly ran and when; the agent sees it through the port's verbs.
import type { TaskId } from '@berth/contract';
import { stateRank } from '@berth/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../test/tasks.js';
import type { Entry } from './entries.js';
import { decodeEntries, encodeEntry } from './journal-line.js';
import { nextStep, type Step } from './plan.js';
import { applyEntry } from './reduce.js';
import { toReport } from './report.js';
import { type AgentState, emptyState, isLive, type TaskRecord } from './state.js';
import { dueCuts } from './usage.js';

const taskId = '00000000-0000-4000-8000-000000000001' as TaskId;
const usageIntervalMs = 1_000;
const lookEveryMs = 60_000;

interface TrueContainer {
  starts: number;
  startedAtMs: number | null;
  endedAtMs: number | null;
  announced: boolean;
}

type Chance = (below: number) => number;

/** The agent and its world, moved by chance. */
class Story {
  nowMs = 1_000;
  readonly lines: string[] = [];
  state: AgentState = emptyState();
  readonly world = new Map<string, TrueContainer>();
  readonly told: TaskRecord[] = [];
  prepared = false;
  unseen = new Set<string>();

  constructor(
    private readonly chance: Chance,
    essential: readonly boolean[],
  ) {
    const containers = essential.map((each, index) => containerSpec({ name: `c${index}`, essential: each, stopTimeoutSeconds: 1 }));
    for (const { name } of containers) this.world.set(name, { starts: 0, startedAtMs: null, endedAtMs: null, announced: false });
    this.write({ kind: 'accepted', taskId, atMs: this.nowMs, spec: taskSpec({ taskId, containers }) });
  }

  get record(): TaskRecord {
    return this.state.tasks.get(taskId) as TaskRecord;
  }

  /** @returns whether the task has come to its end. */
  turn(): boolean {
    this.nowMs += this.chance(2) === 0 ? this.chance(5) : this.chance(900);
    this.endSomething();
    const event = this.chance(8);
    if (event === 0) this.announce();
    else if (event === 1 && this.chance(6) === 0)
      this.write({ kind: 'stop-wanted', taskId, atMs: this.nowMs, code: 'UserInitiated', reason: '' });
    else if (event === 2 && this.chance(4) === 0) this.die();
    else if (event === 3) this.meter();
    else this.step();
    return this.record.state === 'stopped';
  }

  private write(entry: Entry): void {
    applyEntry(this.state, entry);
    this.lines.push(encodeEntry(entry));
    const { record } = this;
    const last = this.told.at(-1);
    if (last && last.version !== record.version) expect(record.version).toBeGreaterThan(last.version);
    if (last) expect(stateRank(record.state)).toBeGreaterThanOrEqual(stateRank(last.state));
    if (last && last.version === record.version) expect(toReport(record)).toEqual(toReport(last));
    this.told.push(record);
  }

  private endSomething(): void {
    for (const container of this.world.values()) {
      if (container.startedAtMs === null || container.endedAtMs !== null || this.chance(12) > 0) continue;
      container.endedAtMs = this.nowMs;
    }
  }

  /** Exits are announced late, but within the time that usage waits for them. */
  private announce(): void {
    for (const [name, container] of this.world) {
      if (container.endedAtMs === null || container.announced) continue;
      const record = this.record.containers.find((each) => each.name === name);
      if (record?.state !== 'running') continue;
      container.announced = true;
      this.exit(name, container.endedAtMs);
    }
  }

  private exit(container: string, atMs: number): void {
    this.write({
      kind: 'container-exited',
      taskId,
      atMs,
      container,
      exit: { exitCode: 0, signal: null, oomKilled: false, runtimeFailure: null },
    });
  }

  private meter(): void {
    if (this.unseen.size > 0) return;
    // The clock of the true agent can't outrun an announcement by more than the notice it gives.
    for (const container of this.world.values())
      if (container.endedAtMs !== null && this.nowMs - container.endedAtMs > 900) this.announce();
    for (const atMs of dueCuts(this.record.usage, this.nowMs, usageIntervalMs)) this.write({ kind: 'usage-cut', taskId, atMs });
  }

  /** The journal is all that is left. Which of the last entries had reached the disk is the disk's secret, but for those that were waited for. */
  private die(): void {
    const lost = this.chance(2) === 0 ? 0 : this.unsyncedTail();
    this.lines.splice(this.lines.length - lost);
    const survived = decodeEntries(this.lines.join('')).entries;
    this.state = emptyState();
    for (const entry of survived) applyEntry(this.state, entry);
    // A state that was told and then lost is told again with a newer version; until then the receiver keeps the later one.
    const newest = this.told.at(-1)?.version ?? 0;
    this.told.splice(0);
    this.write({ kind: 'resumed', atMs: this.nowMs });
    expect(this.record.version).toBeGreaterThan(newest);
    this.prepared = false;
    this.unseen = new Set(this.record.containers.filter(isLive).map(({ name }) => name));
    for (const container of this.world.values()) container.announced = false;
  }

  /** How many entries were written since the last that somebody waited for. */
  private unsyncedTail(): number {
    const last = this.lines.findLastIndex((line) => /"kind":"(container-starting|accepted|resumed)"/.test(line));
    return this.chance(this.lines.length - last);
  }

  private step(): void {
    const step = nextStep(this.record, { nowMs: this.nowMs, prepared: this.prepared, unseen: this.unseen });
    if (step) this.perform(step);
    else if (this.chance(lookEveryMs / 10_000) === 0) this.unseen = new Set(this.record.containers.filter(isLive).map(({ name }) => name));
  }

  private perform(step: Step): void {
    const atMs = this.nowMs;
    if (step.kind === 'prepare') {
      this.write({ kind: 'preparing', taskId, atMs });
      this.prepared = true;
    } else if (step.kind === 'startContainer') {
      this.start(step.container);
    } else if (step.kind === 'stopContainer') {
      if (this.chance(2) === 0) this.kill(step.container);
      this.write({ kind: 'stop-sent', taskId, atMs, container: step.container });
    } else if (step.kind === 'killContainer') {
      this.kill(step.container);
      this.write({ kind: 'kill-sent', taskId, atMs, container: step.container });
      this.unseen.add(step.container);
    } else if (step.kind === 'observe') {
      this.observe(step.container);
    } else if (step.kind === 'cleanup') {
      for (const container of this.world.values()) expect(container.startedAtMs === null || container.endedAtMs !== null).toBe(true);
      this.write({ kind: 'cleaned', taskId, atMs });
    } else if (this.chance(2) === 0) {
      this.nowMs = Math.max(this.nowMs, step.untilMs);
    }
  }

  private start(name: string): void {
    const container = this.world.get(name) as TrueContainer;
    this.write({ kind: 'container-starting', taskId, atMs: this.nowMs, container: name });
    const fate = this.chance(10);
    if (fate === 0) {
      this.die();
    } else if (fate === 1) {
      this.write({ kind: 'start-failed', taskId, atMs: this.nowMs, code: 'TaskFailedToStart', reason: '' });
      this.unseen.add(name);
    } else {
      container.starts += 1;
      container.startedAtMs = this.nowMs;
      if (fate === 2) this.die();
      else this.write({ kind: 'container-started', taskId, atMs: this.nowMs, container: name, timings: {} });
    }
  }

  private kill(name: string): void {
    const container = this.world.get(name) as TrueContainer;
    if (container.startedAtMs !== null) container.endedAtMs ??= this.nowMs;
  }

  private observe(name: string): void {
    const container = this.world.get(name) as TrueContainer;
    this.unseen.delete(name);
    if (container.startedAtMs === null) this.write({ kind: 'container-absent', taskId, atMs: this.nowMs, container: name });
    else if (container.endedAtMs === null)
      this.write({ kind: 'container-started', taskId, atMs: container.startedAtMs, container: name, timings: {} });
    else this.exit(name, container.endedAtMs);
  }
}

describe('a task', () => {
  it('runs at most once, ends, and its usage is exactly the time it ran', () => {
    const choices = fc.infiniteStream(fc.nat(0xffff_ffff));
    const essential = fc.array(fc.boolean(), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(choices, essential, (stream, kinds) => {
        const story = new Story((below) => Number(stream.next().value) % below, kinds);
        let turns = 0;
        while (!story.turn()) expect(++turns, 'it never ends').toBeLessThan(5_000);
        const { record, world } = story;
        const ran = [...world.values()].filter(({ startedAtMs }) => startedAtMs !== null);
        for (const { starts } of world.values()) expect(starts).toBeLessThanOrEqual(1);
        const first = Math.min(...ran.map(({ startedAtMs }) => startedAtMs as number));
        const last = Math.max(...ran.map(({ endedAtMs }) => endedAtMs as number));
        const usage = record.unackedUsage.map(({ sequence, startedAt, endedAt }) => ({
          sequence,
          from: Date.parse(startedAt),
          to: Date.parse(endedAt),
        }));
        expect(usage.map(({ sequence }) => sequence)).toEqual(usage.map((_, index) => index));
        expect(usage[0]?.from ?? Number.POSITIVE_INFINITY).toBe(first);
        expect(usage.at(-1)?.to ?? Number.NEGATIVE_INFINITY).toBe(last);
        for (const [index, { from, to }] of usage.entries()) {
          expect(to).toBeGreaterThanOrEqual(from);
          if (index > 0) expect(from).toBe(usage[index - 1]?.to);
        }
        const times = Object.values(record.reachedAtMs);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }),
      { numRuns: 150 },
    );
  });
});
