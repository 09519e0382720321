// A container's order, as far as it is about its life after it was made: when it starts, starts again, and counts as
// well. Each field has a default, so that frames and journals of before are still read.
import { z } from 'zod';
import { dependencySpecSchema } from './dependencies.js';
import { healthCheckSpecSchema } from './health.js';
import { restartPolicySpecSchema } from './restart-policy.js';

export const containerLifeSchema = z.object({
  dependsOn: z.array(dependencySpecSchema).default([]),
  healthCheck: healthCheckSpecSchema.nullable().default(null),
  restartPolicy: restartPolicySpecSchema.nullable().default(null),
});
