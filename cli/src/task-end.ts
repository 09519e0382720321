// How a task ended, as an exit code for scripts and a sentence for people.
import { stopCodes, type Task } from '@berth/contract';
import { exitCodes } from './exit-codes.js';

/**
 * The code of the task's container (`run` makes one). A task that never ran, or was lost with its host, has no code of
 * its own: 125, which as with Docker means "not the container, but we".
 */
export function exitCodeOf(task: Task): number {
  const fault = task.stopCode ? stopCodes[task.stopCode].fault : 'none';
  if (fault === 'platform') return exitCodes.failed;
  return task.containers.find((container) => container.exitCode !== null)?.exitCode ?? exitCodes.failed;
}

/** Of several tasks: 0 if all ended with 0, else the first other one in their order. */
export function exitCodeOfAll(tasks: readonly Task[]): number {
  return tasks.map(exitCodeOf).find((code) => code !== 0) ?? 0;
}

/** A sentence when a task ended otherwise than by its own exit or at the user's wish; null when there is nothing to add. */
export function describeEnd(task: Task): string | null {
  if (task.stopCode === null || task.stopCode === 'EssentialContainerExited' || task.stopCode === 'UserInitiated') return null;
  const meaning = stopCodes[task.stopCode].meaning;
  const reason = task.stopReason && task.stopReason !== meaning ? ` (${task.stopReason})` : '';
  const billed = stopCodes[task.stopCode].fault === 'platform' ? ' It is not billed.' : '';
  return `${task.stopCode}: ${meaning}${reason}${billed}`;
}
