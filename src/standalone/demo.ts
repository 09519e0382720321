// The first task: shows by the API that everything works, and what Berth tells about a task.

import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine, Task, TaskCost } from '@berth/contract';
import type { Rest } from './rest.js';

const definition = {
  family: 'hello',
  cpuMillis: 250,
  memoryMiB: 64,
  containers: [
    {
      name: 'main',
      image: 'busybox',
      command: ['sh', '-c', 'echo "Hello from container $(hostname), user $(id -un), address $(hostname -i)"'],
    },
  ],
};

/** @throws Error when the task does not end within a minute; RestError when the API refuses. */
export async function runDemo(rest: Rest): Promise<string[]> {
  const { items } = await rest.post<{ items: Task[] }>('/v1/tasks', { definition, name: 'hello' });
  const id = (items[0] as Task).id;
  const task = await stopped(rest, id);
  const [logs, cost] = await Promise.all([rest.get<{ items: LogLine[] }>(`/v1/tasks/${id}/logs`), settledCost(rest, id)]);
  return describeRun(task, logs.items, cost);
}

/** What happened, in lines for people. */
export function describeRun(task: Task, logs: readonly LogLine[], cost: TaskCost): string[] {
  const container = task.containers[0];
  const rows: [string, string][] = [
    ['task', `${task.id.slice(0, 8)} (${task.taskDefinition})`],
    ['placed on', `${task.host?.name ?? 'no host'}${task.placement ? `: ${task.placement}` : ''}`],
    ['started in', startTime(task)],
    ['output', logs.map((line) => line.text).join('\n') || '(none)'],
    ['exit code', `${container?.exitCode ?? 'none'}${task.stopReason ? ` (${task.stopReason})` : ''}`],
    ['cost', `${cost.total} ${cost.currency} for ${cost.durationMs} ms of ${task.cpuMillis}m CPU and ${task.memoryMiB} MiB`],
  ];
  return rows.map(([name, value]) => `    ${name.padEnd(12)}${value}`);
}

function startTime({ createdAt, startedAt, startTimings }: Task): string {
  if (!startedAt) return 'it did not start';
  const parts = Object.entries(startTimings ?? {}).sort(([, a], [, b]) => b - a);
  const named = parts.filter(([, ms]) => ms >= 1).map(([part, ms]) => `${part} ${Math.round(ms)}`);
  const onHost = named.length > 0 ? `, of which on the host: ${named.join(', ')}` : '';
  return `${Date.parse(startedAt) - Date.parse(createdAt)} ms from request to running${onHost}`;
}

async function stopped(rest: Rest, id: string): Promise<Task> {
  for (let waited = 0; waited < 60_000; waited += 50) {
    const task = await rest.get<Task>(`/v1/tasks/${id}`);
    if (task.state === 'stopped') return task;
    await sleep(50);
  }
  const task = await rest.get<Task>(`/v1/tasks/${id}`);
  throw new Error(`it is still ${task.state} after a minute${task.pending ? `: ${task.pending.summary}` : ''}`);
}

/** The last usage record may arrive a moment after the end was reported. */
async function settledCost(rest: Rest, id: string): Promise<TaskCost> {
  let cost = await rest.get<TaskCost>(`/v1/tasks/${id}/cost`);
  for (let waited = 0; waited < 3_000 && Number(cost.total) === 0; waited += 100) {
    await sleep(100);
    cost = await rest.get<TaskCost>(`/v1/tasks/${id}/cost`);
  }
  return cost;
}
