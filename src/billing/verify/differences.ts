// Holds what was recorded against what the journals say.
import { type Extras, type Metered, meteredOf, type TaskFacts } from './journal-usage.js';

/** Of one task, in PostgreSQL. */
export interface Recorded extends Metered, Extras {
  readonly taskId: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Pairs of neighbours between which there is a gap, or which overlap. */
  readonly breaks: number;
}

export interface Difference {
  readonly taskId: string;
  /** `late`: the host still has to deliver it. */
  readonly kind: 'missing' | 'late' | 'broken' | 'different';
  readonly detail: string;
}

export function differences(facts: Iterable<TaskFacts>, recorded: ReadonlyMap<string, Recorded>): Difference[] {
  return [...facts].flatMap((task) => differenceOf(task, recorded.get(task.taskId)) ?? []);
}

function differenceOf(task: TaskFacts, recorded: Recorded | undefined): Difference | null {
  const { taskId } = task;
  const dueMs = task.untilMs ?? task.closedUntilMs;
  if (!recorded) {
    if (dueMs <= task.fromMs) return null;
    return { taskId, kind: 'missing', detail: `nothing of ${dueMs - task.fromMs} ms is recorded` };
  }
  if (recorded.breaks > 0) return { taskId, kind: 'broken', detail: `${recorded.breaks} gaps or overlaps between its records` };
  if (recorded.untilMs < dueMs) return { taskId, kind: 'late', detail: `${dueMs - recorded.untilMs} ms at its end are not recorded yet` };
  const expected = meteredOf(task, recorded.untilMs);
  const compared = task.whole ? (['ms', 'cpu', 'memory'] as const) : (['ms'] as const);
  const details = [...unequal(compared, expected, recorded), ...(task.counted ? extraDifferences(task, recorded) : [])];
  return details.length === 0 ? null : { taskId, kind: 'different', detail: details.join('; ') };
}

/** Of a task that runs, what it has sent lately is not in any record yet. */
function extraDifferences({ untilMs, egress, pull }: TaskFacts, recorded: Recorded): string[] {
  const bytesAgree = untilMs === null ? recorded.egress <= egress : recorded.egress === egress;
  return [
    ...(bytesAgree ? [] : [`egress: journal ${egress}, recorded ${recorded.egress}`]),
    ...unequal(['ms', 'cpu', 'memory'], pull, recorded.pull).map((words) => `pull ${words}`),
  ];
}

function unequal(names: readonly (keyof Metered)[], expected: Metered, recorded: Metered): string[] {
  const wrong = names.filter((name) => expected[name] !== recorded[name]);
  return wrong.map((name) => `${name}: journal ${expected[name]}, recorded ${recorded[name]}`);
}
