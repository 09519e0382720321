// The audit trail: every change and every attempt that was denied, each event bound to the one before it by its hash.
import { z } from 'zod';
import { limits } from './sizes.js';

export const auditOutcomes = ['done', 'failed', 'denied', 'unknown'] as const;

export const auditEventSchema = z
  .object({
    sequence: z.int().describe('Counts from 1 within the tenant, without gaps.'),
    at: z.iso.datetime(),
    actor: z.object({
      kind: z.enum(['key', 'user', 'operator-key', 'nobody']),
      id: z.string().nullable(),
      name: z.string().describe('The key’s name or the user’s e-mail address, as it was then.'),
    }),
    action: z.string().describe('The operation’s id in /openapi.json, such as `runTasks`.'),
    target: z.string().describe('Method and path.'),
    detail: z.record(z.string(), z.unknown()).describe('Fields of the request that matter and are no secrets.'),
    outcome: z.enum(auditOutcomes).describe('`unknown`: the control plane ended before it could tell.'),
    status: z.int().nullable().describe('The answer’s HTTP status.'),
    count: z.int().describe('Of refusals that are alike and fast, how many this stands for.'),
    ip: z.string(),
    requestId: z.string(),
    hash: z.string().describe('SHA-256 of this event and the hash before it.'),
  })
  .meta({ id: 'AuditEvent' });
export type AuditEvent = z.output<typeof auditEventSchema>;

export const auditQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(limits.page.max).default(limits.page.default),
  cursor: z.string().max(500).optional().describe('nextCursor of the page before.'),
  action: z.string().max(100).optional(),
  outcome: z.enum(auditOutcomes).optional(),
  since: z.iso.datetime().optional(),
});
export type AuditQuery = z.output<typeof auditQuerySchema>;

export const auditVerifyQuerySchema = z.strictObject({
  sequence: z.coerce.number().int().min(1).optional(),
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits')
    .optional()
    .describe('With `sequence`: a head that was noted before, and must still be in the chain.'),
});
export type AuditVerifyQuery = z.output<typeof auditVerifyQuerySchema>;

export const auditVerificationSchema = z
  .object({
    intact: z.boolean(),
    events: z.int().describe('How many were checked.'),
    head: z
      .object({ sequence: z.int(), hash: z.string() })
      .nullable()
      .describe('The last event. Note it elsewhere: a later check against it finds a chain that was made anew.'),
    broken: z.object({ sequence: z.int(), reason: z.string() }).nullable().describe('The first event that does not fit.'),
  })
  .meta({ id: 'AuditVerification' });
export type AuditVerification = z.output<typeof auditVerificationSchema>;
