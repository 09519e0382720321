// Whether a task has the container that a request names. Pure.
import { ApiError } from '../errors.js';
import type { TaskRow } from './task-view.js';

/** @throws ApiError invalid_request that lists the containers there are */
export function requireContainer(row: Pick<TaskRow, 'spec'>, container: string): void {
  const names = row.spec.containers.map((one) => one.name);
  if (names.includes(container)) return;
  throw new ApiError(
    'invalid_request',
    { detail: `The task has no container ${container}; it has ${names.join(', ')}.` },
    { field: 'container' },
  );
}
