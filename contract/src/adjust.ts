// What can be changed about a task while it runs: its size, and whether it is frozen. The wish is the control plane's
// and has a version; the agent answers with what holds now, and why it could not do what was wished.
import { z } from 'zod';
import { isSignalName } from './signals.js';
import { containerNameSchema, cpuMillisSchema, memoryMiBSchema } from './task-definition.js';

const count = z.int().min(0);

/** The newest wish replaces those before it; the agent acts on each version once. */
export const taskWishSchema = z.object({ version: z.int().min(1), cpuMillis: count, memoryMiB: count, frozen: z.boolean() });
export type TaskWish = z.output<typeof taskWishSchema>;

/** What holds at the agent since it answered the wish `version`; `refusal` says why that is not what was wished. */
export const adjustedSchema = taskWishSchema.extend({ refusal: z.string().nullable() });
export type Adjusted = z.output<typeof adjustedSchema>;

export const resizeTaskSchema = z
  .strictObject({
    cpuMillis: cpuMillisSchema.optional().describe('CPU of the whole task from now on, in thousandths of a CPU.'),
    memoryMiB: memoryMiBSchema.optional().describe('Memory of the whole task from now on, in MiB.'),
  })
  .refine(({ cpuMillis, memoryMiB }) => cpuMillis !== undefined || memoryMiB !== undefined, {
    path: ['cpuMillis'],
    message: 'give cpuMillis, memoryMiB or both',
  })
  .meta({ id: 'ResizeTask' });
export type ResizeTask = z.output<typeof resizeTaskSchema>;

/** `HUP` and `sighup` mean SIGHUP. */
export function signalName(text: string): string {
  const upper = text.toUpperCase();
  return upper.startsWith('SIG') ? upper : `SIG${upper}`;
}

export const signalTaskSchema = z
  .strictObject({
    signal: z
      .string()
      .max(20)
      .refine((text) => isSignalName(signalName(text)), 'must be the name of a signal, such as SIGHUP or USR1')
      .describe('With or without SIG.'),
    container: containerNameSchema.optional().describe('Default: every container of the task that runs.'),
  })
  .meta({ id: 'SignalTask' });
export type SignalTask = z.output<typeof signalTaskSchema>;

export const signalledSchema = z
  .object({ signal: z.string(), containers: z.array(z.string()).describe('To which it was delivered.') })
  .meta({ id: 'Signalled' });
export type Signalled = z.output<typeof signalledSchema>;

/** What was asked for and is not so yet, or can’t be. */
export const pendingAdjustmentSchema = z
  .object({
    state: z.enum(['pending', 'refused']),
    cpuMillis: z.int(),
    memoryMiB: z.int(),
    frozen: z.boolean(),
    reason: z.string().nullable().describe('Why the host refused it.'),
  })
  .meta({ id: 'PendingAdjustment' });
export type PendingAdjustment = z.output<typeof pendingAdjustmentSchema>;
