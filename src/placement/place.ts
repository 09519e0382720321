// Decides which host runs each task: filters, then best fit. Pure and deterministic: the same tasks and fleet give the
// same plan, whatever order the hosts come in. Committing the plan is the scheduler's work.
import type { HostId, PendingReason, TaskId } from '@berth/contract';
import { explainPlaced, explainUnplaced } from './explain.js';
import { type Filter, filters } from './filters.js';
import { type Fleet, type HostRoom, type PlaceableTask, roomOf, type Shape, shapeKey, take, viewOf } from './fleet.js';

export interface PlacedTask {
  readonly taskId: TaskId;
  readonly hostId: HostId;
  /** Why this host, in words. */
  readonly placement: string;
}

export interface UnplacedTask {
  readonly taskId: TaskId;
  readonly shape: Shape;
  readonly reason: PendingReason;
}

export interface Plan {
  readonly placed: readonly PlacedTask[];
  readonly unplaced: readonly UnplacedTask[];
  /** The fleet with the plan carried out: place the next batch of the same pass on it. */
  readonly fleet: Fleet;
}

interface Choice {
  readonly room: HostRoom;
  readonly candidates: number;
}

/** Places `tasks` in their order, each seeing what the ones before it took. */
export function place(tasks: readonly PlaceableTask[], fleet: Fleet): Plan {
  const homes = new Map(fleet.volumes?.map((home) => [home.id, home]));
  const rooms = [...fleet.hosts].sort((a, b) => (a.id < b.id ? -1 : 1)).map((host) => roomOf(host, homes));
  const choose = bestFit(rooms);
  // Room only shrinks while a plan is made, so what failed once fails for every later task of its shape.
  const failed = new Map<string, PendingReason>();
  const placed: PlacedTask[] = [];
  const unplaced: UnplacedTask[] = [];
  for (const task of tasks) {
    const key = shapeKey(task);
    const choice = failed.has(key) ? null : choose(task);
    if (choice) {
      take(choice.room, task);
      placed.push({ taskId: task.id, hostId: choice.room.host.id, placement: explainPlaced(choice.room, choice.candidates) });
      continue;
    }
    const reason = failed.get(key) ?? explainUnplaced(task, turnedAway(rooms, task));
    failed.set(key, reason);
    unplaced.push({ taskId: task.id, shape: { cpuMillis: task.cpuMillis, memoryMiB: task.memoryMiB, needs: task.needs }, reason });
  }
  return { placed, unplaced, fleet: { hosts: rooms.map(viewOf), volumes: [...homes.values()] } };
}

/**
 * Scans all hosts for the one with the least left over; hosts with tasks go before empty ones, so that empty hosts can
 * leave. On a tie the lowest id wins. The next task of the same shape needs no scan: the host just used has become
 * tighter and nothing else has changed, so it is the best again for as long as it passes.
 */
function bestFit(rooms: readonly HostRoom[]): (shape: Shape) => Choice | null {
  const scale = {
    cpuMillis: Math.max(1, ...rooms.map(({ host }) => host.capacity.cpuMillis)),
    memoryMiB: Math.max(1, ...rooms.map(({ host }) => host.capacity.memoryMiB)),
  };
  let previous: (Choice & { key: string }) | null = null;
  return (shape) => {
    const key = shapeKey(shape);
    if (previous?.key === key && !failingFilter(previous.room, shape)) return previous;
    let best: HostRoom | null = null;
    let bestScore = Number.POSITIVE_INFINITY;
    let candidates = 0;
    for (const room of rooms) {
      if (failingFilter(room, shape)) continue;
      candidates += 1;
      const score = leftOver(room, shape, scale);
      if (score < bestScore) [best, bestScore] = [room, score];
    }
    previous = best && { room: best, candidates, key };
    return previous;
  };
}

type Size = Pick<Shape, 'cpuMillis' | 'memoryMiB'>;

const steps = 1024;
const emptyHostPenalty = 2 * (steps + 1) ** 2;

/** Square of what would be left, CPU and memory each in 1/1024 of the fleet's largest host. Lower is tighter. */
function leftOver({ host, free }: HostRoom, shape: Shape, scale: Size): number {
  const cpu = Math.floor(((free.cpuMillis - shape.cpuMillis) * steps) / scale.cpuMillis);
  const memory = Math.floor(((free.memoryMiB - shape.memoryMiB) * steps) / scale.memoryMiB);
  const isEmpty = free.taskSlots === host.capacity.taskSlots;
  return cpu * cpu + memory * memory + (isEmpty ? emptyHostPenalty : 0);
}

function failingFilter(room: HostRoom, shape: Shape): Filter | null {
  for (const filter of filters) if (!filter.passes(room, shape)) return filter;
  return null;
}

function turnedAway(rooms: readonly HostRoom[], shape: Shape): Map<Filter, HostRoom[]> {
  const byFilter = new Map<Filter, HostRoom[]>();
  for (const filter of filters) {
    const failing = rooms.filter((room) => failingFilter(room, shape) === filter);
    if (failing.length > 0) byFilter.set(filter, failing);
  }
  return byFilter;
}
