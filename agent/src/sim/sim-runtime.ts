// The runtime port without containers, for thousands of tasks in one process. A task's command says what its container
// does (behaviour.ts); how long a start takes is given.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Capacity,
  type ContainerSpec,
  type LogBatch,
  type LogLine,
  logFilter,
  type PlacedLine,
  type TaskId,
  type TaskSpec,
} from '@berth/contract';
import type { Clock } from '../clock.js';
import { toInstant } from '../instant.js';
import {
  AdjustRefusedError,
  type Exit,
  type LogRequest,
  type Prepared,
  type Runtime,
  type RuntimeListeners,
  TaskStartError,
} from '../runtime/runtime.js';
import { behaviourOf } from './behaviour.js';
import { simEndedLogs } from './sim-ended-logs.js';
import { simInside } from './sim-inside.js';
import { addLine, newSimMachine, type SimContainer, type SimMachine } from './sim-machine.js';
import { simCounters, simEgressBytes, simMemoryMiB } from './sim-stats.js';

export interface SimOptions {
  readonly bootId: string;
  readonly capacity: Capacity;
  readonly clock: Clock;
  /** How long the start of a container takes. */
  readonly startDelayMs: number;
  readonly machine?: SimMachine;
}

const longestTimerMs = 2 ** 31 - 1;
const followEveryMs = 20;

export function createSimRuntime({ bootId, capacity, clock, startDelayMs, machine = newSimMachine() }: SimOptions): Runtime {
  const timers = new Map<SimContainer, NodeJS.Timeout>();
  let listeners: RuntimeListeners = { onExit: () => {} };

  const find = (taskId: TaskId, name: string) => machine.containers.get(taskId)?.get(name);

  function end(container: SimContainer, exit: Omit<Exit, 'runtimeFailure'>): void {
    if (container.exit) return;
    forgetTimer(container);
    container.exit = { ...exit, runtimeFailure: null };
    machine.keep(container);
    say(container, `ended with ${exit.exitCode}`);
    listeners.onExit(container.taskId, container.name, container.exit);
  }

  function say({ taskId, name }: SimContainer, text: string): void {
    addLine(machine, taskId, { at: toInstant(clock.now()), container: name, stream: 'stdout', text, partial: false });
  }

  function forgetTimer(container: SimContainer): void {
    clearTimeout(timers.get(container));
    timers.delete(container);
  }

  /** Arms the end that its command asks for. An end that was due while no agent lived was in time nevertheless. */
  function live(container: SimContainer): void {
    const { behaviour, startedAtMs } = container;
    if (container.exit || behaviour.kind !== 'exit') return;
    const { exitCode, oomKilled } = behaviour;
    const endsAtMs = startedAtMs + behaviour.afterMs;
    const endNow = () => end(container, { exitCode, signal: oomKilled ? 'SIGKILL' : null, oomKilled, finishedAtMs: endsAtMs });
    timers.set(container, setTimeout(endNow, Math.min(longestTimerMs, Math.max(0, endsAtMs - clock.now()))).unref());
  }

  function signal(container: SimContainer | undefined, name: 'SIGTERM' | 'SIGKILL'): void {
    if (!container || (container.behaviour.kind === 'hang' && name !== 'SIGKILL')) return;
    end(container, { exitCode: name === 'SIGKILL' ? 137 : 143, signal: name, oomKilled: false, finishedAtMs: clock.now() });
  }

  function letGo({ taskId }: TaskSpec, spec: ContainerSpec): SimContainer {
    if (find(taskId, spec.name)) throw new Error(`Container ${spec.name} of task ${taskId} was started before.`);
    const container: SimContainer = { taskId, name: spec.name, startedAtMs: clock.now(), behaviour: behaviourOf(spec), exit: null };
    machine.keep(container);
    say(container, `started: ${[...(spec.entryPoint ?? []), ...(spec.command ?? [])].join(' ')}`);
    live(container);
    return container;
  }

  async function pullAll({ containers }: TaskSpec, signal: AbortSignal): Promise<Prepared['pulled']> {
    const pulls = containers.map(behaviourOf).flatMap((each) => (each.kind === 'pull' ? [each.forMs ?? longestTimerMs] : []));
    if (pulls.length === 0) return null;
    const fromMs = clock.now();
    await sleep(Math.max(...pulls), undefined, { signal });
    return { fromMs, untilMs: clock.now() };
  }

  return {
    facts: { capacity, attributes: { arch: process.arch, runtime: 'sim', volumes: 'local' }, bootId },
    diskPressure: null,
    keepSecrets: () => {},
    async start(known, given) {
      listeners = given;
      for (const taskId of [...machine.containers.keys()]) if (!known.includes(taskId)) machine.drop(taskId);
      for (const ofTask of machine.containers.values()) for (const container of ofTask.values()) live(container);
    },
    async prepare(spec, signal) {
      const pulled = await pullAll(spec, signal);
      const address = machine.nextAddress++ % 65_534;
      return { address: `10.255.${address >> 8}.${address & 255}`, ports: [], timings: { sandbox: 0 }, pulled };
    },
    async startContainer(spec, container, permit) {
      if (startDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, startDelayMs));
      if (behaviourOf(container).kind === 'fail')
        throw new TaskStartError('TaskFailedToStart', `Container ${container.name}: its command is "fail".`);
      await permit();
      return { startedAtMs: letGo(spec, container).startedAtMs, timings: { create: startDelayMs } };
    },
    async stopContainer(taskId, { name }) {
      signal(find(taskId, name), 'SIGTERM');
    },
    async clearContainer(taskId, name) {
      const container = find(taskId, name);
      if (container) forgetTimer(container);
      machine.dropContainer(taskId, name);
    },
    async check(_taskId, _name, { command }) {
      // As its command says: `false` fails.
      return { ok: command?.[0] !== 'false', detail: command?.[0] === 'false' ? 'it ended with exit code 1' : '' };
    },
    async killContainer(taskId, name) {
      signal(find(taskId, name), 'SIGKILL');
    },
    async resize({ taskId, memoryMiB }) {
      const usedMiB = simMemoryMiB * [...(machine.containers.get(taskId)?.values() ?? [])].filter(({ exit }) => exit === null).length;
      if (usedMiB > memoryMiB)
        throw new AdjustRefusedError(`The task uses ${usedMiB} MiB of memory at the moment, more than ${memoryMiB} MiB.`);
    },
    async setFrozen() {},
    async signal(taskId, name, signalName) {
      const container = find(taskId, name);
      if (!container || container.exit) return false;
      say(container, `got ${signalName}`);
      if (signalName === 'SIGTERM' || signalName === 'SIGKILL') signal(container, signalName);
      return true;
    },
    async observe(taskId, name) {
      const container = find(taskId, name);
      if (!container) return { is: 'absent' };
      return container.exit ? { is: 'exited', exit: container.exit } : { is: 'running', startedAtMs: container.startedAtMs };
    },
    async cleanup(taskId) {
      for (const container of machine.containers.get(taskId)?.values() ?? []) forgetTimer(container);
      machine.drop(taskId);
    },
    logs: (taskId, request) => simLogs(machine, taskId, request),
    endedLogs: simEndedLogs(machine),
    taskStats: (taskId) => simCounters(taskId, [...(machine.containers.get(taskId)?.values() ?? [])], clock.now()),
    statsHistory: () => [],
    egressBytes: (taskIds) => {
      const sent = (taskId: TaskId) => simEgressBytes([...(machine.containers.get(taskId)?.values() ?? [])], clock.now());
      return new Map(taskIds.map((taskId) => [taskId, sent(taskId)] as const).filter(([, bytes]) => bytes > 0));
    },
    inside: simInside(machine),
    network: null,
    outdated: new Promise(() => {}),
    setNetwork: async () => {},
    removeVolumes: async (volumeIds) => [...volumeIds],
    volumesMiB: 0,
    async close() {
      listeners = { onExit: () => {} };
      for (const container of [...timers.keys()]) forgetTimer(container);
    },
    async teardown() {
      for (const taskId of [...machine.containers.keys()]) machine.drop(taskId);
    },
  };
}

async function* simLogs(machine: SimMachine, taskId: TaskId, request: LogRequest): AsyncGenerator<LogBatch> {
  const { container, tail, from, follow, signal } = request;
  const matches = logFilter(request);
  const isAsked = (line: PlacedLine) =>
    (container === null || line.container === container) &&
    line.end > (from?.[line.container] ?? 0) &&
    !matches.isTooOld(line) &&
    matches.accepts(line);
  const lines = () => placed(machine.logs.get(taskId) ?? []).filter(isAsked);
  let given = lines().length;
  const first = from === null ? tail : null;
  const shown = first === 0 ? [] : lines().slice(-(first ?? given));
  if (first !== null) yield { from: beginnings(placed(machine.logs.get(taskId) ?? []), shown), lines: [] };
  if (shown.length > 0) yield { lines: shown };
  while (follow && !signal.aborted) {
    const more = lines().slice(given);
    given += more.length;
    if (more.length > 0) yield { lines: more };
    if (!machine.containers.has(taskId)) return;
    await new Promise((resolve) => setTimeout(resolve, followEveryMs));
  }
}

/** A line's place is its number among those of its container. */
function placed(lines: readonly LogLine[]): PlacedLine[] {
  const counts = new Map<string, number>();
  return lines.map((line) => {
    const end = (counts.get(line.container) ?? 0) + 1;
    counts.set(line.container, end);
    return { ...line, end };
  });
}

function beginnings(all: readonly PlacedLine[], shown: readonly PlacedLine[]): Record<string, number> {
  const names = [...new Set(all.map(({ container }) => container))];
  const of = (lines: readonly PlacedLine[], name: string) => lines.filter(({ container }) => container === name);
  return Object.fromEntries(names.map((name) => [name, of(all, name).length - of(shown, name).length]));
}
