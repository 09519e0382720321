// How tasks leave a host, and how fast they may: drains, disruption budgets, defragmentation.
import { z } from 'zod';

/** `replace`: another task takes its place first. `restart`: after it. `wait`: it is left to end until the deadline. */
export const onHostDrainModes = ['replace', 'restart', 'wait'] as const;
export type OnHostDrain = (typeof onHostDrainModes)[number];

export const onHostDrainSchema = z
  .enum(onHostDrainModes)
  .describe(
    'When its host is drained. `replace`: a new task of the same request starts elsewhere, and this one stops once that runs; for what serves. ' +
      '`restart`: this one stops first, as its budget allows, and then the new one starts; for what must not run twice at a time. ' +
      '`wait`: it may end by itself until the drain’s deadline, and is stopped then; for what computes.',
  );

const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];
const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day such as 22:30');

export const disruptionWindowSchema = z
  .strictObject({
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .max(7)
      .default([...weekdays])
      .describe('Days on which it begins.'),
    from: clock,
    to: clock.describe('Not later than `from`: on the next day.'),
    timeZone: z.string().max(64).refine(isTimeZone, 'must be a time zone such as Europe/Berlin').default('UTC'),
  })
  .describe('A time in which tasks may be moved.');
export type DisruptionWindow = z.output<typeof disruptionWindowSchema>;

export const disruptionBudgetSchema = z
  .strictObject({
    minAvailablePercent: z.int().min(0).max(100).optional().describe('So many percent, rounded up, are kept running.'),
    maxUnavailable: z.int().min(1).max(100_000).optional().describe('At most so many are missing at a time.'),
    maxPerHour: z.int().min(1).max(100_000).optional().describe('At most so many are moved within an hour.'),
    windows: z.array(disruptionWindowSchema).min(1).max(10).optional().describe('Only in one of these. Left out: at any time.'),
  })
  .refine((budget) => Object.values(budget).some((value) => value !== undefined), 'must limit something')
  .refine((budget) => budget.minAvailablePercent === undefined || budget.maxUnavailable === undefined, {
    path: ['maxUnavailable'],
    message: 'can’t be given together with minAvailablePercent',
  })
  .describe('How fast the platform may take tasks from their hosts. At a drain’s deadline it does not hold.');
export type DisruptionBudget = z.output<typeof disruptionBudgetSchema>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export const drainLimits = { deadlineSeconds: { min: 0, max: 604_800, default: 3600 } } as const;

export const drainHostSchema = z
  .strictObject({
    deadlineSeconds: z
      .int()
      .min(drainLimits.deadlineSeconds.min)
      .max(drainLimits.deadlineSeconds.max)
      .default(drainLimits.deadlineSeconds.default)
      .describe('From now. What is left then is stopped, whatever its budget says.'),
    reason: z.string().max(256).optional(),
  })
  .meta({ id: 'DrainHost' });
export type DrainHost = z.output<typeof drainHostSchema>;

export const cordonHostSchema = z.strictObject({ reason: z.string().max(256).optional() }).meta({ id: 'CordonHost' });

export const drainCauses = ['operator', 'defragmentation', 'fleet'] as const;
export const drainOutcomes = ['drained', 'cancelled', 'lost'] as const;

export const drainSchema = z
  .object({
    hostId: z.string(),
    cause: z.enum(drainCauses),
    reason: z.string(),
    startedAt: z.iso.datetime(),
    deadlineAt: z.iso.datetime(),
    forcedAt: z.iso.datetime().nullable().describe('When the deadline began to stop tasks that were not ready for it.'),
    endedAt: z.iso.datetime().nullable(),
    outcome: z.enum(drainOutcomes).nullable().describe('Null while it goes on.'),
    tasksAtStart: z.int(),
    tasksLeft: z.int().describe('That still hold room on the host.'),
    replaced: z.int().describe('Tasks that handed over to another.'),
    forced: z.int().describe('Tasks that were stopped by the deadline.'),
    waiting: z
      .array(
        z.object({
          taskId: z.string(),
          replacedBy: z.string().nullable(),
          reason: z.string().describe('What it waits for.'),
        }),
      )
      .describe('Of the tasks that are left, at most 200.'),
  })
  .meta({ id: 'Drain' });
export type Drain = z.output<typeof drainSchema>;

export const defragmentationModes = ['off', 'advise', 'on'] as const;

export const defragmentationSettingsSchema = z
  .strictObject({
    mode: z.enum(defragmentationModes).default('off').describe('`advise` only says what `on` would do.'),
    usedPercentAtMost: z.int().min(1).max(100).default(50).describe('Only hosts that are used to at most so much are emptied.'),
    hostsPerHour: z.int().min(1).max(1000).default(4),
    movesPerHour: z.int().min(1).max(100_000).default(200).describe('Tasks moved within an hour.'),
    minSavingPerMove: z
      .number()
      .min(0)
      .max(1000)
      .default(0.5)
      .describe('CPUs that a freed host gives back for each task that moves; below it, the host is left alone.'),
    deadlineSeconds: z.int().min(60).max(drainLimits.deadlineSeconds.max).default(86_400).describe('Of the drains that it begins.'),
  })
  .describe('Whether and how fast hosts that are used little are emptied, so that they can leave.');
export type DefragmentationSettings = z.output<typeof defragmentationSettingsSchema>;

export const defragmentationStepSchema = z.object({
  hostId: z.string(),
  hostName: z.string(),
  cpuMillisFreed: z.int(),
  moves: z.array(z.object({ taskId: z.string(), toHostId: z.string() })),
});
export type DefragmentationStep = z.output<typeof defragmentationStepSchema>;

export const defragmentationSchema = z
  .object({
    settings: defragmentationSettingsSchema,
    lookedAt: z.iso.datetime().nullable().describe('When it was last looked for hosts to empty.'),
    steps: z.array(defragmentationStepSchema).describe('What was found then: to be done, or begun if the mode is `on`.'),
  })
  .describe('Defragmentation as it is set, and what it found.');
export type Defragmentation = z.output<typeof defragmentationSchema>;
