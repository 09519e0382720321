// Which container of a task is meant, and whether anything can be done in it now.
import { ApiError } from '../errors.js';
import type { TaskRow } from './task-view.js';

/**
 * @param asked absent: the first essential one.
 * @throws ApiError invalid_request when the task has none of this name, container_not_running
 */
export function containerOf(
  { spec, state, containers }: Pick<TaskRow, 'spec' | 'state' | 'containers'>,
  asked: string | undefined,
): string {
  const names = spec.containers.map(({ name }) => name);
  if (asked !== undefined && !names.includes(asked)) {
    const detail = `The task has no container ${asked}; it has ${names.join(', ')}.`;
    throw new ApiError('invalid_request', { detail }, { field: 'container' });
  }
  const name = asked ?? spec.containers.find(({ essential }) => essential)?.name ?? names[0] ?? '';
  const report = containers?.find((one) => one.name === name);
  const runs = (state === 'running' || state === 'stopping' || state === 'starting') && report?.state === 'running';
  if (!runs) throw new ApiError('container_not_running', { container: name });
  return name;
}
