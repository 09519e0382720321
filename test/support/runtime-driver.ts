// The process behind runtime-host.ts: takes calls as lines of JSON and makes them on a real container runtime.
import { readdirSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ContainerSpec, LogLine, SecretValues, TaskId, TaskSpec } from '@berth/contract';
import { clockFrom, newAnchor } from '../../agent/src/clock.js';
import { createRuntime } from '../../agent/src/runtime/crun-runtime.js';
import { bootId } from '../../agent/src/runtime/facts.js';
import { runtimeDefaults } from '../../agent/src/runtime/options.js';
import { type Exit, type Runtime, TaskStartError } from '../../agent/src/runtime/runtime.js';

const log = {
  info: () => {},
  warn: (fields: object, message: string) => console.error('warn', message, fields),
  error: (fields: object, message: string) => console.error('error', message, fields),
};
const options = { ...runtimeDefaults, clock: clockFrom(newAnchor(bootId())), log, ...JSON.parse(process.argv[2] as string) };
const runtime: Runtime = await createRuntime(options);
const exits: { taskId: TaskId; container: string; exit: Exit }[] = [];

async function collect(taskId: TaskId, request: object): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  const whole = {
    container: null,
    tail: 1000,
    since: null,
    until: null,
    grep: null,
    stream: null,
    from: null,
    follow: false,
    signal: new AbortController().signal,
    ...request,
  };
  for await (const batch of runtime.logs(taskId, whole)) lines.push(...batch.lines);
  return lines;
}

const calls: Record<string, (...args: never[]) => Promise<unknown>> = {
  start: async (known: TaskId[]) => {
    await runtime.start(known, { onExit: (taskId, container, exit) => exits.push({ taskId, container, exit }) });
    return runtime.facts;
  },
  keepSecrets: async (taskId: TaskId, values: SecretValues) => runtime.keepSecrets(taskId, values),
  prepare: (spec: TaskSpec) => runtime.prepare(spec, new AbortController().signal),
  startContainer: (spec: TaskSpec, container: ContainerSpec) => runtime.startContainer(spec, container, async () => {}),
  stopContainer: runtime.stopContainer,
  killContainer: runtime.killContainer,
  observe: runtime.observe,
  cleanup: runtime.cleanup,
  logs: collect,
  logsToStore: async () => runtime.endedLogs.list(),
  storedText: async (taskId: TaskId) => {
    const text = Buffer.concat([...runtime.endedLogs.chunks(taskId)].map(({ data }) => data)).toString();
    runtime.endedLogs.done(taskId);
    return text;
  },
  taskStats: async (taskId: TaskId) => runtime.taskStats(taskId),
  resize: runtime.resize,
  setFrozen: runtime.setFrozen,
  signal: runtime.signal,
  statsHistory: async (taskId: TaskId) => runtime.statsHistory(taskId),
  exits: async () => exits,
  descriptors: async () => readdirSync('/proc/self/fd').map((fd) => linkOf(`/proc/self/fd/${fd}`)),
  setNetwork: runtime.setNetwork,
  removeVolumes: runtime.removeVolumes,
  close: runtime.close,
  teardown: runtime.teardown,
};

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

async function answer(line: string): Promise<object> {
  const { id, method, args } = JSON.parse(line) as { id: number; method: string; args: never[] };
  try {
    return { id, result: (await calls[method]?.(...args)) ?? null };
  } catch (error) {
    return { id, error: { message: (error as Error).message, stopCode: error instanceof TaskStartError ? error.stopCode : null } };
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  void answer(line).then((result) => process.stdout.write(`${JSON.stringify(result)}\n`));
});
