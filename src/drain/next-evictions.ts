// Decides how tasks leave hosts that are being drained: who is replaced next, who may stop, who has to. Budgets, rates,
// windows and protection hold until the deadline, and then no more; what is done against them is said to be forced.
import { type DesiredState, isTerminal, type OnHostDrain, type StopCode, stopCodes, type TaskId, type TaskState } from '@berth/contract';
import { begunWithinHour, type DisruptionGroup, isOpen, keepsSome, minAvailable } from '../placement/budget.js';

/** A task on a host that is being drained, or one whose eviction has begun and not ended. */
export interface LeavingTask {
  readonly id: TaskId;
  /** Whose budget it counts against. */
  readonly groupId: string;
  readonly onHostDrain: OnHostDrain;
  readonly state: TaskState;
  readonly desiredState: DesiredState;
  /** Why it stopped or is to stop. */
  readonly stopCode: StopCode | null;
  /** It runs, is not unhealthy, is wanted, and its host is in touch. */
  readonly available: boolean;
  readonly protectedUntilMs: number | null;
  /** Null: its host is not being drained any more. */
  readonly deadlineMs: number | null;
  readonly eviction: Eviction | null;
}

export interface Eviction {
  readonly id: string;
  /** How often a replacement was made. */
  readonly attempts: number;
  readonly attemptedAtMs: number;
  readonly replacement: Replacement | null;
}

export interface Replacement {
  readonly id: TaskId;
  readonly state: TaskState;
  readonly stopCode: StopCode | null;
  readonly available: boolean;
}

export type EvictionStep =
  /** With a replacement, unless that has to wait for the task's end. */
  | { readonly do: 'begin'; readonly taskId: TaskId; readonly forced: boolean; readonly replaceNow: boolean }
  /** Makes a replacement: the first after the task's end, or another when one has failed. */
  | { readonly do: 'replace'; readonly taskId: TaskId; readonly evictionId: string }
  | { readonly do: 'stop'; readonly taskId: TaskId; readonly stopCode: 'Replaced' | 'HostDrained'; readonly forced: boolean }
  /** The replacement is not needed; the eviction ends with it. */
  | { readonly do: 'withdraw'; readonly taskId: TaskId; readonly evictionId: string }
  | { readonly do: 'end'; readonly taskId: TaskId; readonly evictionId: string };

export interface Evictions {
  readonly steps: readonly EvictionStep[];
  /** What each task that stays for now waits for, in words. */
  readonly waiting: ReadonlyMap<TaskId, string>;
}

/** Of one group at a time, where no budget says how many: they all start somewhere else meanwhile. */
const underWayAtMost = 25;
const retry = { firstMs: 5_000, mostMs: 300_000 };

/** The steps must be carried out in their order. */
export function nextEvictions(tasks: readonly LeavingTask[], groups: ReadonlyMap<string, DisruptionGroup>, nowMs: number): Evictions {
  const ledgers = new Map([...groups].map(([id, group]) => [id, new Ledger(group, nowMs)]));
  const steps: EvictionStep[] = [];
  const waiting = new Map<TaskId, string>();
  // What has to be comes first, then what ends an eviction, then new ones: each sees what the ones before it use up.
  for (const task of [...tasks].sort((a, b) => urgency(a, nowMs) - urgency(b, nowMs))) {
    const ledger = ledgers.get(task.groupId) ?? new Ledger(noGroup, nowMs);
    const next = stepsFor(task, ledger, nowMs);
    if (typeof next === 'string') waiting.set(task.id, next);
    else steps.push(...next);
  }
  return { steps, waiting };
}

const noGroup: DisruptionGroup = { budget: null, wanted: 0, available: 0, underWay: 0, begunAtMs: [] };

function urgency(task: LeavingTask, nowMs: number): number {
  if (isTerminal(task.state)) return 0;
  if (isDue(task, nowMs)) return 1;
  return task.eviction ? 2 : 3;
}

const isDue = ({ deadlineMs }: LeavingTask, nowMs: number) => deadlineMs !== null && nowMs >= deadlineMs;

/** What a group's budget still allows, as steps use it up. */
class Ledger {
  private available: number;
  private underWay: number;
  private begunWithinHour: number;

  constructor(
    private readonly group: DisruptionGroup,
    private readonly nowMs: number,
  ) {
    this.available = group.available;
    this.underWay = group.underWay;
    this.begunWithinHour = begunWithinHour(group, nowMs);
  }

  private get mustRun(): number {
    return minAvailable(this.group.budget, this.group.wanted);
  }

  /** @returns what forbids another eviction, in words; null if nothing does. */
  refusesToBegin(): string | null {
    const { budget, wanted } = this.group;
    if (!isOpen(budget?.windows, this.nowMs)) return 'its budget allows no moves at this time of the week';
    if (budget?.maxPerHour !== undefined && this.begunWithinHour >= budget.maxPerHour)
      return `its budget allows ${budget.maxPerHour} moves within an hour`;
    const atATime = keepsSome(this.group.budget) ? Math.max(1, wanted - this.mustRun) : underWayAtMost;
    return this.underWay >= atATime ? `${this.underWay} of its kind are being moved; it comes after them` : null;
  }

  /** @param available whether the task that is to stop counts as running. */
  refusesToStop(available: boolean): string | null {
    if (!available || !keepsSome(this.group.budget) || this.available - 1 >= this.mustRun) return null;
    return `its budget keeps ${this.mustRun} of ${this.group.wanted} running, and ${this.available} are`;
  }

  begin(): void {
    this.underWay += 1;
    this.begunWithinHour += 1;
  }

  stop(available: boolean): void {
    if (available) this.available -= 1;
  }
}

/** @returns steps, or what the task waits for. */
function stepsFor(task: LeavingTask, ledger: Ledger, nowMs: number): EvictionStep[] | string {
  if (isTerminal(task.state)) return afterItsEnd(task, nowMs);
  if (task.desiredState === 'stopped') return whileItStops(task);
  if (isDue(task, nowMs)) return atTheDeadline(task, ledger);
  if (task.deadlineMs === null && !task.eviction?.replacement?.available) return withdrawal(task);
  if (task.onHostDrain === 'wait') return 'it may end by itself until the deadline';
  if (task.protectedUntilMs !== null && task.protectedUntilMs > nowMs) return 'it is protected';
  return task.eviction ? handOver(task, task.eviction, ledger, nowMs) : begin(task, ledger);
}

/** What ended by the platform's doing is carried on by its replacement; what ended otherwise is not. */
function isTakenOver({ stopCode }: LeavingTask): boolean {
  return stopCode === 'Replaced' || (stopCode !== null && stopCodes[stopCode].fault === 'platform');
}

function afterItsEnd(task: LeavingTask, nowMs: number): EvictionStep[] | string {
  const { eviction, id: taskId } = task;
  if (!eviction) return [];
  if (!isTakenOver(task)) return withdrawal(task);
  const handedOver = eviction.replacement !== null && (!isTerminal(eviction.replacement.state) || task.stopCode === 'Replaced');
  if (handedOver || isUnwanted(eviction)) return [{ do: 'end', taskId, evictionId: eviction.id }];
  return replaceAgain(taskId, eviction, nowMs);
}

function whileItStops(task: LeavingTask): EvictionStep[] | string {
  return task.eviction && !isTakenOver(task) ? withdrawal(task) : 'it is being stopped';
}

function withdrawal({ eviction, id: taskId }: LeavingTask): EvictionStep[] {
  return eviction ? [{ do: 'withdraw', taskId, evictionId: eviction.id }] : [];
}

function atTheDeadline(task: LeavingTask, ledger: Ledger): EvictionStep[] {
  const { id: taskId, eviction, onHostDrain, available } = task;
  const handedOver = eviction?.replacement?.available === true;
  const stop: EvictionStep = { do: 'stop', taskId, stopCode: handedOver ? 'Replaced' : 'HostDrained', forced: !handedOver };
  ledger.stop(available);
  if (onHostDrain === 'wait' || eviction) return [stop];
  ledger.begin();
  return [{ do: 'begin', taskId, forced: true, replaceNow: onHostDrain === 'replace' }, stop];
}

function begin(task: LeavingTask, ledger: Ledger): EvictionStep[] | string {
  const { id: taskId, available } = task;
  const stopsFirst = task.onHostDrain === 'restart';
  const refusal = ledger.refusesToBegin() ?? (stopsFirst ? ledger.refusesToStop(available) : null);
  if (refusal) return refusal;
  ledger.begin();
  if (!stopsFirst) return [{ do: 'begin', taskId, forced: false, replaceNow: true }];
  ledger.stop(available);
  return [
    { do: 'begin', taskId, forced: false, replaceNow: false },
    { do: 'stop', taskId, stopCode: 'Replaced', forced: false },
  ];
}

function handOver(task: LeavingTask, eviction: Eviction, ledger: Ledger, nowMs: number): EvictionStep[] | string {
  const { id: taskId, available, onHostDrain } = task;
  const { replacement } = eviction;
  // Its eviction began and the stop that belongs to it did not come through: the control plane died in between.
  const mayStop = onHostDrain === 'restart' || replacement?.available === true;
  if (mayStop) {
    const refusal = ledger.refusesToStop(available);
    if (refusal) return refusal;
    ledger.stop(available);
    return [{ do: 'stop', taskId, stopCode: 'Replaced', forced: false }];
  }
  if (replacement && !isTerminal(replacement.state)) return `its replacement is ${replacement.state}`;
  if (isUnwanted(eviction)) return 'its replacement was stopped by request; it stays until the deadline';
  return replaceAgain(taskId, eviction, nowMs);
}

/** Whoever owns the task has stopped its replacement: there is not to be another. */
function isUnwanted({ replacement }: Eviction): boolean {
  return replacement !== null && isTerminal(replacement.state) && replacement.stopCode === 'UserInitiated';
}

function replaceAgain(taskId: TaskId, eviction: Eviction, nowMs: number): EvictionStep[] | string {
  const waitMs = eviction.replacement ? Math.min(retry.mostMs, retry.firstMs * 2 ** Math.min(20, eviction.attempts - 1)) : 0;
  if (nowMs - eviction.attemptedAtMs < waitMs) return 'its replacement has ended; another one is tried soon';
  return [{ do: 'replace', taskId, evictionId: eviction.id }];
}
