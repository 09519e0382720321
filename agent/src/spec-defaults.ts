// Journals outlive the agent that wrote them: an order that an older agent took lacks the fields that came later.
import { type TaskSpec, taskSpecSchema } from '@berth/contract';
import type { Entry } from './entries.js';

/** The entry with its order's missing fields filled in. What does not fit the grammar at all is left as it is. */
export function withSpecDefaults(entry: Entry): Entry {
  if (entry.kind === 'accepted') return { ...entry, spec: completed(entry.spec) };
  if (entry.kind === 'record' && entry.record.spec) return { ...entry, record: { ...entry.record, spec: completed(entry.record.spec) } };
  return entry;
}

function completed(spec: TaskSpec): TaskSpec {
  const parsed = taskSpecSchema.safeParse(spec);
  return parsed.success ? parsed.data : spec;
}
