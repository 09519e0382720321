// The names that tasks find each other by, all below `berth.internal`: what exists, and which addresses it has. Who may
// see which tasks is the caller's business: it hands in those of one tenant and no others.
//   <task name | short id | id>.task.berth.internal    tasks that are starting or running
//   <family>.family.berth.internal                     the running tasks of the family, whatever their revision
import { shortId } from '@berth/contract';

export const zone = 'berth.internal';
/** In the order in which a container's resolver tries them. */
export const searchDomains = [`task.${zone}`, zone] as const;
export interface NamedTask {
  readonly taskId: string;
  readonly name: string | null;
  readonly family: string | null;
  readonly address: string;
  readonly running: boolean;
}

/** What a name of ours asks for. `empty` exists and has no address, such as the zone itself. */
export type NameQuery =
  | { readonly kind: 'task'; readonly label: string }
  | { readonly kind: 'family'; readonly label: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'none' };

/** @param name in lower case, without the last dot. */
export function isOurs(name: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

/** @param name of our zone, in lower case, without the last dot. */
export function parseName(name: string): NameQuery {
  const labels = name.slice(0, -zone.length).split('.').slice(0, -1);
  const [first, second, ...rest] = labels;
  if (first === undefined) return { kind: 'empty' };
  if (second === undefined) return { kind: first === 'task' || first === 'family' ? 'empty' : 'none' };
  if (rest.length > 0 || first === '') return { kind: 'none' };
  if (second === 'task') return { kind: 'task', label: first };
  return second === 'family' ? { kind: 'family', label: first } : { kind: 'none' };
}

/** Whether the query means this task. Names compare without regard to case, as DNS has it. */
export function isMeant(query: NameQuery, task: NamedTask): boolean {
  if (query.kind === 'task') return query.label === task.name || query.label === shortId(task.taskId) || query.label === task.taskId;
  return query.kind === 'family' && task.running && task.family?.toLowerCase() === query.label;
}

/** The one name under which a task's address is known back. */
export function canonicalName(taskId: string): string {
  return `${shortId(taskId)}.task.${zone}`;
}
