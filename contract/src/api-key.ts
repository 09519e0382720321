// API keys: programs that act for a tenant, with a role, within scopes, until they expire.
import { z } from 'zod';
import { roles, tenantRoles } from './account.js';
import { scopeSchema } from './scope.js';

export const apiKeyLimits = { scopes: 32, overlapSeconds: { max: 30 * 86_400, default: 86_400 } } as const;

export const createApiKeySchema = z
  .strictObject({
    name: z.string().min(1).max(63),
    role: z.enum(tenantRoles).default('developer'),
    scopes: z.array(scopeSchema).min(1).max(apiKeyLimits.scopes).optional().describe('Absent: all that the role may.'),
    expiresAt: z.iso.datetime().optional().describe('Absent: it works until it is revoked.'),
    awsStyle: z.boolean().default(false).describe('Also give it an access key id and a secret access key, as AWS’ clients want them.'),
  })
  .meta({ id: 'CreateApiKey' });
export type CreateApiKey = z.output<typeof createApiKeySchema>;

export const rotateApiKeySchema = z
  .strictObject({
    overlapSeconds: z
      .int()
      .min(0)
      .max(apiKeyLimits.overlapSeconds.max)
      .default(apiKeyLimits.overlapSeconds.default)
      .describe('For how long the old one goes on working.'),
    expiresAt: z.iso.datetime().optional().describe('Of the new one. Absent: it lives as long as the old one was to live, from now on.'),
  })
  .meta({ id: 'RotateApiKey' });
export type RotateApiKey = z.output<typeof rotateApiKeySchema>;

export const apiKeySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(tenantRoles),
    scopes: z.array(z.string()).nullable().describe('Null: all that the role may.'),
    prefix: z.string().describe('The key’s first characters, to recognise it by.'),
    accessKeyId: z.string().nullable().describe('If it has the form of AWS’ keys, too.'),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
    lastUsedAt: z.iso.datetime().nullable().describe('Written some seconds after the use.'),
    rotatedFrom: z.string().nullable().describe('The key whose place it takes.'),
    revokedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ApiKey' });
export type ApiKey = z.output<typeof apiKeySchema>;

export const createdApiKeySchema = apiKeySchema
  .extend({
    secret: z.string().describe('The key itself. Shown only now; Berth keeps its hash.'),
    secretAccessKey: z
      .string()
      .nullable()
      .describe('Shown only now. Berth keeps it sealed, because its signatures can be checked only with it.'),
  })
  .meta({ id: 'CreatedApiKey' });
export type CreatedApiKey = z.output<typeof createdApiKeySchema>;

/** Who is calling, as the caller sees it. */
export const whoamiSchema = z
  .object({
    role: z.enum(roles),
    keyId: z.string().describe('Of the API key, or of the session.'),
    scopes: z.array(z.string()).nullable(),
    expiresAt: z.iso.datetime().nullable(),
    user: z.object({ id: z.string(), email: z.string(), name: z.string() }).nullable().describe('Null for a key.'),
    tenant: z.object({ id: z.string(), name: z.string() }).nullable().describe('Null for the operator.'),
  })
  .meta({ id: 'Whoami' });
export type Whoami = z.output<typeof whoamiSchema>;
