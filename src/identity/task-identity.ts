// What a token says about a task.
export interface IdentifiedTask {
  readonly taskId: string;
  readonly tenantId: string;
  readonly tenantName: string;
  readonly name: string | null;
  readonly family: string;
  readonly revision: number;
  readonly hostId: string;
}

/** From the wide to the narrow, so that a trust policy can say `tenant/<id>/family/web/*`. */
export function subjectOf({ tenantId, family, taskId }: IdentifiedTask): string {
  return `tenant/${tenantId}/family/${family}/task/${taskId}`;
}

export function claimsOf(task: IdentifiedTask): Record<string, unknown> {
  return {
    tenant_id: task.tenantId,
    tenant: task.tenantName,
    family: task.family,
    revision: task.revision,
    task_id: task.taskId,
    ...(task.name === null ? {} : { task_name: task.name }),
    host_id: task.hostId,
  };
}
