// Journals of earlier versions of the agent: fills in what those could not know, so that nobody else has to ask.
import { taskSpecSchema } from '@berth/contract';
import { firstAttempt } from './container-record.js';
import type { Entry } from './entries.js';
import type { ContainerRecord, TaskRecord } from './state.js';

export function modernised(entry: Entry): Entry {
  switch (entry.kind) {
    case 'accepted':
      return { ...entry, spec: modernSpec(entry.spec) };
    case 'record':
      return { ...entry, record: modernRecord(entry.record) };
    default:
      return entry;
  }
}

function modernRecord(record: TaskRecord): TaskRecord {
  const starts = record.containers.flatMap(({ startedAtMs }) => startedAtMs ?? []);
  return {
    ...record,
    spec: record.spec && modernSpec(record.spec),
    ranFromMs: record.ranFromMs ?? (starts.length > 0 ? Math.min(...starts) : null),
    protection: record.protection ?? null,
    containers: record.containers.map(modernContainer),
  };
}

function modernContainer(container: ContainerRecord): ContainerRecord {
  const hasBegun = container.startingAtMs !== null;
  return { ...firstAttempt, ...(hasBegun && { attempt: 1, cleared: false, firstStartAtMs: container.startingAtMs }), ...container };
}

/** A spec that the contract does not take any more is kept as it is: its task runs. */
function modernSpec<T extends TaskRecord['spec']>(spec: T): T {
  const parsed = taskSpecSchema.safeParse(spec);
  return parsed.success ? (parsed.data as NonNullable<T>) : spec;
}
