// From what people type to a task's id: the whole id, an unambiguous beginning of it, or the task's name.
import { isId, type Task } from '@berth/contract';
import { Failure, usage } from './failure.js';

/** Lists tasks, newest first; what GET /v1/tasks does. */
export type ListTasks = (query: { idPrefix?: string; name?: string; limit: number }) => Promise<readonly Task[]>;

const beginningOfId = /^[0-9a-f][0-9a-f-]{0,35}$/;
const taskName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws Failure when nothing, or more than one task, fits. */
export async function resolveTaskId(text: string, list: ListTasks): Promise<string> {
  const given = text.toLowerCase();
  if (isId(given)) return given;
  if (beginningOfId.test(given)) {
    const found = await list({ idPrefix: given, limit: 3 });
    if (found.length > 0) return only(text, found, 'Type more of the id.');
  }
  if (taskName.test(text)) {
    const found = await list({ name: text, limit: 500 });
    const alive = found.filter((task) => task.state !== 'stopped');
    const fitting = alive.length > 0 ? alive : found;
    if (fitting.length > 0) return only(text, fitting, 'Use its id.');
  } else if (!beginningOfId.test(given)) {
    throw usage(`"${text}" is neither a task's id nor a name.`, '"berth ps -a" shows both.');
  }
  throw new Failure(`There is no task "${text}" here.`, { hint: '"berth ps -a" lists your tasks, the stopped ones too.' });
}

function only(text: string, found: readonly Task[], hint: string): string {
  const [first, second] = found;
  if (first && !second) return first.id;
  const some = found.slice(0, 3).map((task) => task.id.slice(0, 13));
  throw new Failure(`"${text}" fits more than one task: ${some.join(', ')}${found.length > 3 ? ' …' : ''}.`, { hint });
}
