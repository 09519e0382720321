import type { Task } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { usage } from '../failure.js';
import { cpu, memory } from '../format.js';
import { cpuOption, memoryOption } from '../option-values.js';
import { taskIdOf } from '../tasks.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly cpu?: number;
  readonly memory?: number;
}

export function addResize(program: Command): void {
  addVerb(program, 'resize <task>', 'Give a running task more or less CPU and memory', [
    ['berth resize --cpu 2 3f0e6a52', 'two CPUs from now on'],
    ['berth resize --cpu 500m --memory 1Gi web', 'both'],
  ])
    .option('--cpu <cpus>', 'for example 250m, 0.25 or 2', cpuOption)
    .option('--memory <size>', 'for example 128, 128Mi or 2Gi', memoryOption)
    .action(resize);
}

async function resize(name: string, options: Options): Promise<void> {
  if (options.cpu === undefined && options.memory === undefined) throw usage('Say the new size with --cpu, --memory or both.');
  const api = connect(currentContext(options.context));
  const body = {
    ...(options.cpu !== undefined && { cpuMillis: options.cpu }),
    ...(options.memory !== undefined && { memoryMiB: options.memory }),
  };
  const task: Task = await answer(api.PATCH('/v1/tasks/{taskId}', { params: { path: { taskId: await taskIdOf(api, name) } }, body }));
  if (options.output === 'json') return printJson(task);
  if (task.adjustment) note('The host has not answered yet; it does it as soon as it can.');
  await print(`${task.id} has ${cpu(task.cpuMillis)} CPU and ${memory(task.memoryMiB)}`);
}
