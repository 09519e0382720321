// Holds all processes of a task where they are, and lets them go on, by either version's freezer. A group below a frozen
// one is frozen with it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cgroups } from './cgroup.js';
import { AdjustRefusedError } from './runtime.js';

const tries = 100;
const pauseMs = 20;

/** Safe to repeat. @throws AdjustRefusedError when a process can't be held within two seconds; all go on then. */
export async function freezeGroup(groups: Cgroups, group: string, frozen: boolean): Promise<void> {
  if (stateOf(groups, group) === null || isAs(groups, group, frozen)) return;
  order(groups, group, frozen);
  for (let attempt = 0; !isAs(groups, group, frozen); attempt++) {
    if (attempt >= tries) {
      order(groups, group, false);
      throw new AdjustRefusedError('A process of the task can’t be frozen at the moment: it waits for the host’s disk or network.');
    }
    await sleep(pauseMs);
    // v1 gives up on a process that has just forked; asking again goes on where it stopped.
    if (groups.version === 'v1') order(groups, group, frozen);
  }
}

/** Null: there is no such group. */
function stateOf(groups: Cgroups, group: string): string | null {
  const text = groups.version === 'v1' ? groups.read('freezer', group, 'freezer.state') : groups.read('', group, 'cgroup.events');
  return text === '' ? null : text;
}

function isAs(groups: Cgroups, group: string, frozen: boolean): boolean {
  const state = stateOf(groups, group);
  // A group that went away holds nothing any more.
  if (state === null) return true;
  return groups.version === 'v1'
    ? state.trim() === (frozen ? 'FROZEN' : 'THAWED')
    : new RegExp(`^frozen ${frozen ? 1 : 0}$`, 'm').test(state);
}

function order(groups: Cgroups, group: string, frozen: boolean): void {
  if (groups.version === 'v1') groups.write('freezer', group, 'freezer.state', frozen ? 'FROZEN' : 'THAWED');
  else groups.write('', group, 'cgroup.freeze', frozen ? '1' : '0');
}
