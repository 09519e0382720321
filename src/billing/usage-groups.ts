// What the usage of a task has in common with that of others, in the words of SQL: read from the task and its definition
// when usage comes in, so that a later change of tags does not move what was used before.
import { limits, type StopCode, stopCodeNames, stopCodes } from '@berth/contract';

/** Of `tasks t` and `task_definitions d`. */
export const groupColumns = `
  t.tenant_id, d.family || ':' || d.revision AS definition, t.group_name,
  coalesce(d.spec->'tags', '{}') || t.tags AS tags, t.submitted_by AS user_or_key,
  coalesce(d.spec->>'isolation', 'container') AS isolation, coalesce(t.needs->>'capacityTier', 'flex') AS capacity_tier,
  coalesce((t.needs->>'diskMiB')::int, ${limits.ephemeralStorageMiB.default}) AS disk_mib,
  coalesce((t.needs->'gpus'->>'count')::int, 0) AS gpus,
  coalesce(jsonb_array_length(d.spec->'publishedPorts'), 0) AS addresses`;

export const groupColumnNames = [
  'tenant_id',
  'definition',
  'group_name',
  'tags',
  'user_or_key',
  'isolation',
  'capacity_tier',
  'disk_mib',
  'gpus',
  'addresses',
  'pull',
] as const;

/** The id of the group with these columns: the same on every replica, without a look-up. jsonb's text is canonical. */
export const groupIdOf = (alias: string): string =>
  `md5(jsonb_build_array(${groupColumnNames.map((column) => `${alias}.${column}`).join(', ')})::text)::uuid`;

/** Whose time is not billed. */
export const platformFaults: readonly StopCode[] = stopCodeNames.filter((code) => stopCodes[code].fault === 'platform');
