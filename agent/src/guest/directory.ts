// Which task has which address on this host, by the agent's own record. The firewall lets no packet in whose source
// address is not its task's own, so an address tells who is asking.
import type { TaskRecord } from '../state.js';
import type { NamedTask } from './names.js';

export interface GuestTask {
  readonly record: TaskRecord;
  readonly spec: NonNullable<TaskRecord['spec']>;
  readonly address: string;
}

export interface Directory {
  at(address: string): GuestTask | null;
  ofTenant(tenantId: string): readonly NamedTask[];
  /** A record changed. */
  invalidate(): void;
}

/** @param records every task that the agent knows, oldest first. */
export function directory(records: () => Iterable<TaskRecord>): Directory {
  let byAddress: Map<string, GuestTask> | null = null;
  const index = () => {
    byAddress ??= indexed(records());
    return byAddress;
  };
  return {
    at: (address) => index().get(address) ?? null,
    ofTenant: (tenantId) => [...index().values()].filter(({ spec }) => spec.tenantId === tenantId).flatMap(named),
    invalidate() {
      byAddress = null;
    },
  };
}

/** An address is given anew when nothing is left of the task that had it, so the newest task is the one that has it. */
function indexed(records: Iterable<TaskRecord>): Map<string, GuestTask> {
  const result = new Map<string, GuestTask>();
  for (const record of records) {
    const { spec, address } = record;
    if (spec && address !== null && record.state !== 'stopped') result.set(address, { record, spec, address });
  }
  return result;
}

/** A task that is on its way out is not to be found any more. */
function named({ record, spec, address }: GuestTask): NamedTask[] {
  if (record.stop) return [];
  const running = record.state === 'running';
  return [{ taskId: spec.taskId, name: spec.name, family: spec.family ?? null, address, running }];
}
