// Where volumes live: SQL of the scheduler's, as parts of its statements.
/** A table of how much disk volumes hold on each host. Deleted ones count until the host has removed them. */
export const volumesOnHosts =
  '(SELECT host_id, sum(size_mib)::int AS disk FROM volumes WHERE removed_at IS NULL AND host_id IS NOT NULL GROUP BY host_id)';

/** The last word, as long as there is one leader at a time, is the model's; this keeps a task from its data's absence. */
export function volumesAllow(needs: string, hostId: string): string {
  return `(NOT ${needs} ? 'volumes' OR NOT EXISTS (
    SELECT FROM jsonb_array_elements(${needs}->'volumes') AS need JOIN volumes v ON v.id = (need->>'id')::uuid
    WHERE v.host_id <> ${hostId} OR v.deleted_at IS NOT NULL))`;
}

/** @param placed a table of tasks that were just given a host: it is the home of those of their volumes that had none. */
export function volumesChoose(placed: string): string {
  return `housed AS (
    UPDATE volumes v SET host_id = p.host_id FROM ${placed} p, jsonb_array_elements(p.needs->'volumes') AS need
    WHERE p.needs ? 'volumes' AND v.id = (need->>'id')::uuid AND v.host_id IS NULL)`;
}
