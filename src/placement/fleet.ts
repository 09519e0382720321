// The fleet as placement sees it: an immutable snapshot of hosts and of what their tasks hold. Integers only, so that
// the same snapshot gives the same plan everywhere.
import { type Capacity, type HostId, type HostState, type Isolation, limits, type TaskId } from '@berth/contract';
import { newVolumesMiB, type VolumeHome, type VolumeHomes, type VolumeKind, type VolumeNeed } from './volume-needs.js';

export interface HostView {
  readonly id: HostId;
  readonly name: string;
  readonly state: HostState;
  /** Grows when a task on it is given more room; a plan holds for the version that it was made with. */
  readonly roomVersion?: number;
  /** What its agent says of it; `isolation` lists the tiers it has. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly capacity: Capacity;
  /** Why its disk can take no more tasks, in words; null when it can. */
  readonly diskPressure: string | null;
  /** What the tasks on it hold; `taskSlots` is their number. */
  readonly used: Capacity;
  /** The ports that its tasks have asked for. */
  readonly ports?: readonly string[];
}

export interface Fleet {
  readonly hosts: readonly HostView[];
  /** Where volumes live that tasks to be placed may need. Those that are not named live nowhere yet. */
  readonly volumes?: readonly VolumeHome[];
}

/**
 * What a task asks of its host beside CPU and memory. Kept with the task (tasks.needs); what is absent is not asked for,
 * so that most tasks are alike. A new need is a field here, a filter in filters.ts and its words.
 */
export interface Needs {
  readonly isolation?: Isolation;
  /** Ephemeral storage; absent: the default. */
  readonly diskMiB?: number;
  /** `tcp/8080`: ports of the host that no other task may have. */
  readonly hostPorts?: readonly string[];
  /** Persistent volumes: the first task that uses one chooses its host, and later ones run there. */
  readonly volumes?: readonly VolumeNeed[];
  /** What kinds of volumes the host must know how to make. */
  readonly volumeKinds?: readonly VolumeKind[];
}

/** What placement has to know of a task. Tasks of one shape are alike to it. */
export interface Shape {
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly needs: Needs;
}

export interface PlaceableTask extends Shape {
  readonly id: TaskId;
}

/** A host while a plan is being made: `free` shrinks with each task given to it. Free may be below zero: a host can
 *  come back smaller than what it runs. */
export interface HostRoom {
  readonly host: HostView;
  readonly free: { cpuMillis: number; memoryMiB: number; taskSlots: number; diskMiB: number };
  readonly ports: Set<string>;
  /** Of the whole fleet: shared by all rooms. */
  readonly homes: VolumeHomes;
}

export function roomOf(host: HostView, homes: VolumeHomes): HostRoom {
  return {
    host,
    free: {
      cpuMillis: host.capacity.cpuMillis - host.used.cpuMillis,
      memoryMiB: host.capacity.memoryMiB - host.used.memoryMiB,
      taskSlots: host.capacity.taskSlots - host.used.taskSlots,
      diskMiB: diskOf(host) - (host.used.diskMiB ?? 0),
    },
    ports: new Set(host.ports ?? []),
    homes,
  };
}

/** An agent that doesn't count its disk takes whatever comes. */
export function diskOf({ capacity }: HostView): number {
  return capacity.diskMiB ?? Number.POSITIVE_INFINITY;
}

export function diskNeed({ needs }: Pick<Shape, 'needs'>): number {
  return needs.diskMiB ?? limits.ephemeralStorageMiB.default;
}

/** A volume that lives nowhere yet takes its place on the task's host. */
export function diskNeedOn({ homes }: Pick<HostRoom, 'homes'>, shape: Pick<Shape, 'needs'>): number {
  return diskNeed(shape) + newVolumesMiB(homes, shape.needs.volumes);
}

/** The host as it is after the plan. */
export function viewOf({ host, free, ports }: HostRoom): HostView {
  const { capacity } = host;
  const diskMiB = diskOf(host);
  const used = {
    cpuMillis: capacity.cpuMillis - free.cpuMillis,
    memoryMiB: capacity.memoryMiB - free.memoryMiB,
    taskSlots: capacity.taskSlots - free.taskSlots,
    ...(Number.isFinite(diskMiB) ? { diskMiB: diskMiB - free.diskMiB } : {}),
  };
  return { ...host, used, ports: [...ports] };
}

export function take(room: HostRoom, shape: Shape): void {
  room.free.cpuMillis -= shape.cpuMillis;
  room.free.memoryMiB -= shape.memoryMiB;
  room.free.taskSlots -= 1;
  room.free.diskMiB -= diskNeedOn(room, shape);
  for (const { id, write } of shape.needs.volumes ?? []) {
    const written = write || (room.homes.get(id)?.written ?? false);
    room.homes.set(id, { id, hostId: room.host.id, hostName: room.host.name, written });
  }
  for (const port of shape.needs.hostPorts ?? []) room.ports.add(port);
}

/** @param shape whose needs have their keys in PostgreSQL's order, as all that are read from there. */
export function shapeKey({ cpuMillis, memoryMiB, needs }: Shape): string {
  return `${cpuMillis}/${memoryMiB}/${JSON.stringify(needs)}`;
}
