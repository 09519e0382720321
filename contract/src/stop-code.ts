// Why a task stopped. Each code says whose doing it was: the platform's faults are never billed
// (docs/task-model.md), so the table is the contract between the agent, billing and the reader of an invoice.

export type Fault = 'user' | 'platform' | 'none';

interface StopCodeEntry {
  readonly fault: Fault;
  readonly meaning: string;
}

export const stopCodes = {
  EssentialContainerExited: { fault: 'none', meaning: 'An essential container ended by itself; its exit code tells how.' },
  UserInitiated: { fault: 'none', meaning: 'Somebody asked for the task to stop.' },
  OutOfMemory: { fault: 'user', meaning: 'An essential container was killed at its memory limit. Give the task more memory.' },
  ContainerUnhealthy: {
    fault: 'user',
    meaning: 'An essential container failed its health check, and its restart policy allows no further attempt.',
  },
  DependencyFailed: { fault: 'user', meaning: 'What a container waits for (dependsOn) can’t happen any more; the reason names it.' },
  StartTimeout: { fault: 'user', meaning: 'A container did not become what others wait for within its startTimeoutSeconds.' },
  SpotInterruption: { fault: 'none', meaning: 'A spot task left, with notice, because a task of a higher tier needed its place.' },
  MaxRunTimeExceeded: { fault: 'none', meaning: 'The task ran for its maxRunTimeSeconds and was stopped.' },
  TaskFailedToStart: { fault: 'user', meaning: 'A container could not be started as its definition says; the reason names what is wrong.' },
  ImagePullFailed: { fault: 'user', meaning: 'An image could not be pulled; the reason is the registry’s answer.' },
  RuntimeFailed: { fault: 'platform', meaning: 'The container runtime or its monitor failed on the host.' },
  HostRefused: { fault: 'platform', meaning: 'The host could not take the task after all; nothing was started.' },
  HostShutdown: { fault: 'platform', meaning: 'The host was shut down by its operator.' },
  HostRebooted: { fault: 'platform', meaning: 'The host was restarted while the task ran.' },
  Replaced: { fault: 'none', meaning: 'Its host is being drained, and another task has taken its place.' },
  Withdrawn: {
    fault: 'platform',
    meaning: 'It was to take the place of a task on a draining host, and that was not needed after all.',
  },
  HostDrained: { fault: 'platform', meaning: 'Its host had to be empty by a deadline, and the task had not ended by then.' },
  HostRemoved: { fault: 'platform', meaning: 'Its host was removed by the operator while the task was on it.' },
  HostLost: { fault: 'platform', meaning: 'The host was not heard from for longer than its grace time.' },
} as const satisfies Record<string, StopCodeEntry>;

export type StopCode = keyof typeof stopCodes;

export const stopCodeNames = Object.keys(stopCodes) as [StopCode, ...StopCode[]];

/** Whether running time that ended this way is charged to the tenant. */
export function isBilled(code: StopCode): boolean {
  return stopCodes[code].fault !== 'platform';
}
