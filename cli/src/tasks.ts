// Questions about tasks that several verbs ask.
import { isTerminal, type Task } from '@berth/contract';
import { type Api, answer } from './client.js';
import { resolveTaskId } from './resolve-id.js';

export async function getTask(api: Api, id: string): Promise<Task> {
  return answer(api.GET('/v1/tasks/{taskId}', { params: { path: { taskId: id } } }));
}

/** The id of the task that the user means. @throws Failure */
export function taskIdOf(api: Api, text: string): Promise<string> {
  return resolveTaskId(text, async (query) => (await answer(api.GET('/v1/tasks', { params: { query } }))).items);
}

/** Asks for the task to end; nothing happens when it has. @returns the task as it is then, usually not yet stopped. */
export async function stopTask(api: Api, id: string, reason?: string): Promise<Task> {
  return answer(api.POST('/v1/tasks/{taskId}/stop', { params: { path: { taskId: id } }, body: reason === undefined ? {} : { reason } }));
}

/** Looks often at first, then twice a second. @returns the stopped tasks in the order of `ids`. */
export async function untilStopped(api: Api, ids: readonly string[]): Promise<Task[]> {
  const stopped = new Map<string, Task>();
  for (let waitMs = 20; ; waitMs = Math.min(500, waitMs * 1.5)) {
    const tasks = await getTasks(
      api,
      ids.filter((id) => !stopped.has(id)),
    );
    for (const task of tasks) {
      if (isTerminal(task.state)) stopped.set(task.id, task);
    }
    if (ids.every((id) => stopped.has(id))) return ids.map((id) => stopped.get(id) as Task);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** A few requests at a time, so that a thousand tasks don't run into the rate limit. */
async function getTasks(api: Api, ids: readonly string[]): Promise<Task[]> {
  const found: Task[] = [];
  for (let start = 0; start < ids.length; start += 16) {
    found.push(...(await Promise.all(ids.slice(start, start + 16).map((id) => getTask(api, id)))));
  }
  return found;
}
