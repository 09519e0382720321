// SQL for "this task holds capacity on its host", from the contract's table of states. PostgreSQL uses the partial index
// `tasks_on_host` only for a condition with these very words, so they are written in one place.
import { holdingStates } from '@berth/contract';

/** To be put behind a column of states: `t.state ${holdsCapacity}`. */
export const holdsCapacity = `IN (${holdingStates.map((state) => `'${state}'`).join(', ')})`;
