// Health checks of containers: what is asked, how often, and what the answers make of a container and of its task.
import { z } from 'zod';
import { limits } from './sizes.js';

export const healthStates = ['unknown', 'healthy', 'unhealthy'] as const;
/** `unknown`: no health check, or it has not succeeded yet and has not failed often enough. */
export type Health = (typeof healthStates)[number];

const { intervalSeconds, timeoutSeconds, retries, startPeriodSeconds } = limits.healthCheck;
const port = z.int().min(1).max(65_535);
const argument = z
  .string()
  .max(131_071)
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character');
const seconds = (range: { min: number; max: number; default: number }) => z.int().min(range.min).max(range.max).default(range.default);

const shape = {
  command: z
    .array(argument)
    .min(1)
    .max(100)
    .optional()
    .describe('A program in the container, run as the container’s own; healthy when it ends with 0. For a shell: ["sh", "-c", "…"].'),
  http: z
    .strictObject({
      port,
      path: z
        .string()
        .max(1024)
        .regex(/^\/[\x21-\x7e]*$/, 'must begin with "/" and have visible ASCII characters only')
        .default('/'),
      expectedStatus: z.int().min(100).max(599).optional().describe('Left out: 200 to 399.'),
    })
    .optional()
    .describe('GET to the task’s own address; redirects are not followed.'),
  tcp: z
    .strictObject({ port })
    .meta({ id: 'TcpCheck' })
    .optional()
    .describe('Healthy when the port at the task’s own address takes connections.'),
  intervalSeconds: seconds(intervalSeconds).describe('Between two checks. Until the first success they are more frequent.'),
  timeoutSeconds: seconds(timeoutSeconds).describe('A check that takes longer has failed, and is killed.'),
  retries: seconds(retries).describe('Failures in a row that make the container unhealthy.'),
  startPeriodSeconds: seconds(startPeriodSeconds).describe('Time to get going, in which failures don’t count.'),
};

export const healthCheckSchema = z
  .strictObject(shape)
  .refine(({ command, http, tcp }) => [command, http, tcp].filter((kind) => kind !== undefined).length === 1, {
    message: 'must have exactly one of command, http and tcp',
  })
  .describe('How to tell whether the container works: exactly one of `command`, `http` and `tcp`.');

/** On the wire: what is not known is left out. */
export const healthCheckSpecSchema = z.object(shape);
export type HealthCheck = z.output<typeof healthCheckSpecSchema>;

/** A task is what its essential containers with a health check are: one unhealthy makes it so; healthy are all or none. */
export function taskHealth(containers: readonly { essential: boolean; checked: boolean; health: Health }[]): Health {
  const counted = containers.filter(({ essential, checked }) => essential && checked).map(({ health }) => health);
  if (counted.includes('unhealthy')) return 'unhealthy';
  return counted.length > 0 && counted.every((health) => health === 'healthy') ? 'healthy' : 'unknown';
}
