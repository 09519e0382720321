// What a simulated machine has that outlives its agent: containers and their logs. In memory, or in a directory too, so
// that the agent's process can be killed and its containers "run on": all they do is let time pass.
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LogLine, TaskId } from '@berth/contract';
import type { Exit } from '../runtime/runtime.js';
import { writeWhole } from '../runtime/write-whole.js';
import type { Behaviour } from './behaviour.js';

export interface SimContainer {
  readonly taskId: TaskId;
  readonly name: string;
  readonly startedAtMs: number;
  readonly behaviour: Behaviour;
  exit: Exit | null;
}

export interface SimMachine {
  readonly containers: Map<TaskId, Map<string, SimContainer>>;
  readonly logs: Map<TaskId, LogLine[]>;
  nextAddress: number;
  /** Called when a container was let go, and when it ended. */
  keep(container: SimContainer): void;
  /** Called when a container is to be started again. */
  dropContainer(taskId: TaskId, name: string): void;
  /** Called when a task was cleaned up. */
  drop(taskId: TaskId): void;
}

const logsOfTasksKept = 2_000;
const linesKept = 1_000;

export function newSimMachine(): SimMachine {
  const machine: SimMachine = {
    containers: new Map(),
    logs: new Map(),
    nextAddress: 1,
    keep(container) {
      const ofTask = machine.containers.get(container.taskId) ?? new Map<string, SimContainer>();
      machine.containers.set(container.taskId, ofTask.set(container.name, container));
    },
    dropContainer: (taskId, name) => void machine.containers.get(taskId)?.delete(name),
    drop: (taskId) => void machine.containers.delete(taskId),
  };
  return machine;
}

/** Also writes a line to `starts` in the directory for each container that is let go: proof of what ran how often. */
export function openSimMachine(directory: string): SimMachine {
  mkdirSync(join(directory, 'containers'), { recursive: true });
  const inMemory = newSimMachine();
  const files = readdirSync(join(directory, 'containers'));
  // An agent that was killed may have left half of another.
  for (const file of files.filter((name) => name.endsWith('.json'))) {
    inMemory.keep(JSON.parse(readFileSync(join(directory, 'containers', file), 'utf8')) as SimContainer);
  }
  const fileOf = (taskId: TaskId, name: string) => join(directory, 'containers', `${taskId}.${name}.json`);
  return Object.assign(inMemory, {
    keep: keepInFiles(inMemory.keep, fileOf, join(directory, 'starts')),
    dropContainer(taskId: TaskId, name: string) {
      rmSync(fileOf(taskId, name), { force: true });
      inMemory.containers.get(taskId)?.delete(name);
    },
    drop(taskId: TaskId) {
      for (const name of inMemory.containers.get(taskId)?.keys() ?? []) rmSync(fileOf(taskId, name), { force: true });
      inMemory.containers.delete(taskId);
    },
  });
}

function keepInFiles(keep: SimMachine['keep'], fileOf: (taskId: TaskId, name: string) => string, starts: string): SimMachine['keep'] {
  return (container) => {
    keep(container);
    writeWhole(fileOf(container.taskId, container.name), JSON.stringify(container));
    if (!container.exit) appendFileSync(starts, `${container.taskId}/${container.name}\n`);
  };
}

export function addLine(machine: SimMachine, taskId: TaskId, line: LogLine): void {
  const lines = machine.logs.get(taskId) ?? [];
  lines.push(line);
  if (lines.length > linesKept) lines.shift();
  machine.logs.set(taskId, lines);
  const [oldest] = machine.logs.keys();
  if (oldest && machine.logs.size > logsOfTasksKept) machine.logs.delete(oldest);
}
