// Which columns of `tasks` a replacement takes from the task whose place it takes. Every other one begins anew, and is
// named here too, so that a new column is a decision (test/db/drains.spec.ts fails until it is made).

export const carriedOver = [
  'tenant_id',
  'task_definition_id',
  'name',
  'overrides',
  'tags',
  'needs',
  'security_groups',
  'on_host_drain',
  'disruption_group',
  'group_name',
  'submitted_by',
] as const;

/** With what the task was given since it began: a size that was changed stays. */
export const carriedOverInPart = ['cpu_millis', 'memory_mib'] as const;

export const begunAnew = [
  ...[
    'id',
    'state',
    'desired_state',
    'desired_stop_code',
    'desired_stop_reason',
    'created_at',
    'placed_at',
    'started_at',
    'stopped_at',
    'stop_received',
  ],
  ...['host_id', 'placement', 'placement_epoch', 'pending_reason', 'report_version', 'containers', 'address', 'ports', 'start_timings'],
  ...['stop_code', 'stop_reason', 'health', 'protected_until', 'protection_set_at', 'wish_version', 'wish', 'adjusted'],
  ...['replaces', 'successor_id', 'replaced_by', 'arrived_xid', 'room_xid'],
  // Its gang has begun already: it takes its place among them alone.
  ...['gang_id', 'gang_min'],
] as const;
