// Logs of simulated tasks that have ended, in the form in which real ones go into the log store.
import type { LogLine, TaskId } from '@berth/contract';
import type { EndedLogs, LogChunk } from '../runtime/ended-logs.js';
import type { SimMachine } from './sim-machine.js';

export function simEndedLogs(machine: Pick<SimMachine, 'containers' | 'logs'>): EndedLogs {
  const stored = new Set<TaskId>();
  return {
    list: () => [...machine.logs.keys()].filter((taskId) => !machine.containers.has(taskId) && !stored.has(taskId)),
    chunks: (taskId) => chunksOf(machine.logs.get(taskId) ?? []),
    done: (taskId) => void stored.add(taskId),
  };
}

function chunksOf(lines: readonly LogLine[]): LogChunk[] {
  return [...new Set(lines.map(({ container }) => container))].map((container) => {
    const text = lines.filter((line) => line.container === container).map(written);
    const data = Buffer.from(text.join(''));
    return { container, start: 0, bytes: data.length, data };
  });
}

function written({ at, stream, partial, text }: LogLine): string {
  return `${at} ${stream} ${partial ? 'P' : 'F'} ${text}\n`;
}
