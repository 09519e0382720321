// The beginning of a life of the agent: which clock it goes by, and what a restart of the host has ended.
import { type Clock, clockFrom, newAnchor } from './clock.js';
import type { Journal } from './journal.js';

/**
 * Carries the clock of the same boot on. In another boot every process of before is gone: tasks end at the last
 * moment at which the agent is known to have been alive, and time is counted anew.
 */
export function beginLife(journal: Journal, bootId: string): Clock {
  const { state } = journal;
  if (state.anchor?.bootId === bootId) return clockFrom(state.anchor);
  for (const { taskId, state: taskState } of [...state.tasks.values()]) {
    if (taskState !== 'stopped') journal.append({ kind: 'rebooted', taskId, atMs: state.aliveAtMs });
  }
  const anchor = newAnchor(bootId);
  journal.append({ kind: 'anchored', anchor });
  return clockFrom(anchor);
}
