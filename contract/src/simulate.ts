// Where tasks would go, why, how soon and at what price, without running them.
import { z } from 'zod';
import { pendingReasonSchema, runTasksFields } from './task.js';

export const simulatePlacementSchema = z.strictObject(runTasksFields).meta({ id: 'SimulatePlacement' });
export type SimulatePlacement = z.output<typeof simulatePlacementSchema>;

export const simulatedPlacementSchema = z
  .object({
    placed: z.int().describe('How many of the tasks would get a host now, behind everything that waits already.'),
    tasks: z.array(
      z.object({
        host: z.object({ id: z.string(), name: z.string(), zone: z.string() }).nullable().describe('Null: none has room.'),
        placement: z.string().nullable().describe('Why this host.'),
        evicts: z.int().describe('How many spot tasks would have to leave first.'),
      }),
    ),
    pending: pendingReasonSchema.nullable().describe('Why those without a host have none.'),
    queue: z.object({
      ahead: z.int().describe('Tasks that wait and would be looked at before these.'),
      etaMs: z.int().nullable().describe('In how long they would be placed, by how fast tasks were placed lately. Null: nobody can say.'),
      startMs: z
        .int()
        .nullable()
        .describe('How long tasks took lately from being placed to running; half took no longer. Null: none started lately.'),
    }),
    price: z.object({ currency: z.string(), perHour: z.string(), priceBook: z.string() }).describe('Of all of the tasks together.'),
  })
  .meta({ id: 'SimulatedPlacement' });
export type SimulatedPlacement = z.output<typeof simulatedPlacementSchema>;
