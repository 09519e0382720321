// The fleet as placement sees it: an immutable snapshot of hosts and of what their tasks hold. Integers only, so that
// the same snapshot gives the same plan everywhere.
import type { Capacity, HostId, HostState, TaskId } from '@berth/contract';

export interface HostView {
  readonly id: HostId;
  readonly name: string;
  readonly state: HostState;
  readonly capacity: Capacity;
  /** What the tasks on it hold; `taskSlots` is their number. */
  readonly used: Capacity;
}

export interface Fleet {
  readonly hosts: readonly HostView[];
}

/** What placement has to know of a task. Tasks of one shape are alike to it. */
export interface Shape {
  readonly cpuMillis: number;
  readonly memoryMiB: number;
}

export interface PlaceableTask extends Shape {
  readonly id: TaskId;
}

/** A host while a plan is being made: `free` shrinks with each task given to it. Free may be below zero: a host can
 *  come back smaller than what it runs. */
export interface HostRoom {
  readonly host: HostView;
  readonly free: { cpuMillis: number; memoryMiB: number; taskSlots: number };
}

export function roomOf(host: HostView): HostRoom {
  return {
    host,
    free: {
      cpuMillis: host.capacity.cpuMillis - host.used.cpuMillis,
      memoryMiB: host.capacity.memoryMiB - host.used.memoryMiB,
      taskSlots: host.capacity.taskSlots - host.used.taskSlots,
    },
  };
}

/** The host as it is after the plan. */
export function viewOf({ host, free }: HostRoom): HostView {
  const { capacity } = host;
  const used = {
    cpuMillis: capacity.cpuMillis - free.cpuMillis,
    memoryMiB: capacity.memoryMiB - free.memoryMiB,
    taskSlots: capacity.taskSlots - free.taskSlots,
  };
  return { ...host, used };
}

export function take(room: HostRoom, shape: Shape): void {
  room.free.cpuMillis -= shape.cpuMillis;
  room.free.memoryMiB -= shape.memoryMiB;
  room.free.taskSlots -= 1;
}

export function shapeKey(shape: Shape): string {
  return `${shape.cpuMillis}/${shape.memoryMiB}`;
}
