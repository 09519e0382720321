// Looks at what tasks use: when somebody asks, and every ten seconds for the history of each. A look without a reader
// leaves the containers out; with one that is a second old another reader is content.
import { type NetworkStats, type StatsSample, statsHistory, type TaskId } from '@berth/contract';
import type { Clock } from '../clock.js';
import type { Cgroups } from './cgroup.js';
import { countersOf, type GroupCounters, networkIn } from './cgroup-counters.js';
import type { Paths } from './paths.js';
import { containersOf, namesIn, readOrEmpty, readRecord, type SandboxRecord } from './records.js';
import { SampleRing } from './stats-history.js';
import { sampleOf, type TaskCounters } from './stats-rates.js';

export interface TaskStatsReader {
  /** What the task has used until now; null when nothing of it is on the host. */
  counters(taskId: TaskId): TaskCounters | null;
  /** The last hour, oldest first. Empty when the task is not known. */
  history(taskId: TaskId): StatsSample[];
  /** Takes one sample of each task and forgets those that are gone. */
  sample(): void;
}

interface Known {
  readonly ring: SampleRing;
  last: TaskCounters | null;
}

/** Two readers of one task in so short a time see the same. */
const freshMs = 250;

export function taskStats(paths: Paths, groups: Cgroups, clock: Clock): TaskStatsReader {
  const known = new Map<string, Known>();
  const recent = new Map<string, TaskCounters>();

  const look = (taskId: TaskId, devices: string, withContainers: boolean): TaskCounters | null => {
    const sandbox = readRecord<SandboxRecord>(paths.task(taskId).sandbox);
    if (!sandbox) return null;
    const group = (name: string) => countersOf(groups.version, (controller, file) => groups.read(controller, name, file));
    const names = containersOf(paths, taskId);
    const containers = withContainers ? names.map((name) => ({ name, counters: group(paths.container(taskId, name).cgroup) })) : [];
    const task = withInnerKills(group(paths.task(taskId).cgroup), containers, groups.version === 'v1');
    return { taskId, atMs: clock.now(), task, containers, network: networkOf(devices, paths.slot(sandbox.slot).veth) };
  };

  return {
    counters: (taskId) => {
      const last = recent.get(taskId);
      if (last && clock.now() - last.atMs < freshMs) return last;
      const counters = look(taskId, devicesText(), true);
      if (counters) recent.set(taskId, counters);
      return counters;
    },
    history: (taskId) => known.get(taskId)?.ring.list() ?? [],
    sample: () => {
      const taskIds = namesIn(paths.tasks);
      const present = new Set(taskIds);
      for (const map of [known, recent]) for (const taskId of map.keys()) if (!present.has(taskId)) map.delete(taskId);
      const devices = devicesText();
      for (const taskId of taskIds as TaskId[]) {
        const counters = look(taskId, devices, false);
        if (!counters) continue;
        const task = known.get(taskId) ?? { ring: new SampleRing(), last: null };
        known.set(taskId, task);
        const sample = task.last && sampleOf(counters, task.last);
        if (sample) task.ring.add(sample);
        task.last = counters;
      }
    },
  };
}

export const sampleEveryMs = statsHistory.everyMs;

/** v1 counts a kill in the group of the killed process only, v2 in all above it, too. */
function withInnerKills(task: GroupCounters, containers: TaskCounters['containers'], isNeeded: boolean): GroupCounters {
  if (!isNeeded) return task;
  const inner = containers.reduce((sum, { counters }) => sum + counters.memory.oomKills, 0);
  return { ...task, memory: { ...task.memory, oomKills: task.memory.oomKills + inner } };
}

/** All devices of the host in one read. */
function devicesText(): string {
  return readOrEmpty('/proc/net/dev');
}

/** The cable seen from the host: what it receives, the task has sent. */
function networkOf(devices: string, veth: string): NetworkStats | null {
  const host = networkIn(devices, veth);
  if (!host) return null;
  const [txBytes = 0, txPackets = 0, , txDropped = 0] = host.rx;
  const [rxBytes = 0, rxPackets = 0, , rxDropped = 0] = host.tx;
  return { rxBytes, rxPackets, rxDropped, txBytes, txPackets, txDropped };
}
