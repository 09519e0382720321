// The life of a machine that a pool asked EC2 for. Control plane and clients read this one table.

export const machineStates = ['requested', 'launched', 'joined', 'draining', 'ending', 'ended'] as const;
export type MachineState = (typeof machineStates)[number];

/**
 * requested: written down, EC2 may or may not know. launched: EC2 has it. joined: it is a host. draining: gets no more
 * tasks, and may be taken back. ending: EC2 is told to end it. ended: EC2 no longer has it, or never did.
 */
export const machineTransitions: Readonly<Record<MachineState, readonly MachineState[]>> = {
  requested: ['launched', 'ended'],
  launched: ['joined', 'ending', 'ended'],
  joined: ['draining', 'ending', 'ended'],
  draining: ['joined', 'ending', 'ended'],
  ending: ['ended'],
  ended: [],
};
