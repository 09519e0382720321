// The life of a task and of a container: the states, the moves that are allowed, and the questions asked of them.
// API, scheduler, agent and console all read this one table.

export const taskStates = ['pending', 'placed', 'starting', 'running', 'stopping', 'stopped'] as const;
export type TaskState = (typeof taskStates)[number];

/** A task only moves forward. Any state may go straight to `stopped`: a task that never ran can still end. */
export const taskTransitions: Readonly<Record<TaskState, readonly TaskState[]>> = {
  pending: ['placed', 'stopped'],
  placed: ['starting', 'running', 'stopping', 'stopped'],
  starting: ['running', 'stopping', 'stopped'],
  running: ['stopping', 'stopped'],
  stopping: ['stopped'],
  stopped: [],
};

export function canTransition(from: TaskState, to: TaskState): boolean {
  return taskTransitions[from].includes(to);
}

/** Position in the life of a task, for "never backwards" comparisons. */
export function stateRank(state: TaskState): number {
  return taskStates.indexOf(state);
}

export function isTerminal(state: TaskState): boolean {
  return taskTransitions[state].length === 0;
}

/** States in which a task holds capacity on a host. */
export const holdingStates: readonly TaskState[] = ['placed', 'starting', 'running', 'stopping'];

export function canStop(task: { state: TaskState; desiredState: DesiredState }): boolean {
  return !isTerminal(task.state) && task.desiredState === 'running';
}

export const desiredStates = ['running', 'stopped'] as const;
export type DesiredState = (typeof desiredStates)[number];

export const containerStates = ['waiting', 'starting', 'running', 'exited'] as const;
export type ContainerState = (typeof containerStates)[number];
