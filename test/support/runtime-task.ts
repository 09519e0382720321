// Small task specs for tests of the runtime, and waiting for what a runtime reports.

import type { ContainerSpec, TaskId, TaskSpec } from '@berth/contract';
import type { Exit, Observed } from '../../agent/src/runtime/runtime.js';
import { containerSpec as anyContainer, taskSpec as anyTask } from '../../agent/test/tasks.js';
import type { RuntimeHost } from './runtime-host.js';

export function containerSpec(image: string, command: readonly string[] | null, more: Partial<ContainerSpec> = {}): ContainerSpec {
  return anyContainer({ image, command: command === null ? null : [...command], stopTimeoutSeconds: 5, ...more });
}

export function taskSpec(containers: readonly ContainerSpec[], more: Partial<TaskSpec> = {}): TaskSpec {
  return anyTask({ cpuMillis: 500, containers: [...containers], ...more });
}

/** Prepares the task and starts all of its containers. */
export async function startTask(host: RuntimeHost, spec: TaskSpec): Promise<string> {
  const { address } = await host.call.prepare(spec);
  for (const container of spec.containers) await host.call.startContainer(spec, container);
  return address ?? '';
}

/** Polls until `probe` gives something; the test's own time limit ends it. */
export async function until<T>(probe: () => Promise<T | null | undefined | false>): Promise<T> {
  for (;;) {
    const result = await probe();
    if (result) return result;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function exitOf(host: RuntimeHost, taskId: TaskId, container = 'main'): Promise<Exit> {
  return until(async () => {
    const observed: Observed = await host.call.observe(taskId, container);
    return observed.is === 'exited' && observed.exit;
  });
}

export interface Outcome {
  readonly exit: Exit;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a task of one container to its end and cleans it up. */
export async function runToEnd(host: RuntimeHost, spec: TaskSpec): Promise<Outcome> {
  try {
    await startTask(host, spec);
    const exit = await exitOf(host, spec.taskId);
    const lines = await host.call.logs(spec.taskId, {});
    const textOf = (stream: string) =>
      lines
        .filter((line) => line.stream === stream)
        .map((line) => `${line.text}${line.partial ? '' : '\n'}`)
        .join('');
    return { exit, stdout: textOf('stdout'), stderr: textOf('stderr') };
  } finally {
    await host.call.cleanup(spec.taskId);
  }
}
