// What an agent asks the gateway on behalf of a task that runs on its host: a signed identity, and the addresses of the
// tenant's tasks on other hosts. By HTTPS with the host's certificate, one answer to each request.
import { z } from 'zod';
import { taskIdSchema, tenantIdSchema } from './ids.js';

export const guestPaths = { identityToken: '/agent/identity-token', names: '/agent/names' } as const;

/** For whom a token is: a host name, a URL or any other word its reader knows itself by. */
export const audienceSchema = z.string().regex(/^[\w.:/@+-]{1,255}$/, 'must be 1–255 letters, digits or any of . _ : / @ + -');

export const identityTokenRequestSchema = z.strictObject({ taskId: taskIdSchema, audience: audienceSchema });

export const identityTokenResponseSchema = z.object({
  /** A JWT, signed with ES256. */
  token: z.string().max(8192),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});
export type IdentityTokenResponse = z.output<typeof identityTokenResponseSchema>;

/** The tenant's running tasks of this name, id (or its first eight digits), or family. */
export const namesRequestSchema = z.strictObject({
  tenantId: tenantIdSchema,
  kind: z.enum(['task', 'family']),
  label: z.string().min(1).max(128),
});
export type NamesRequest = z.output<typeof namesRequestSchema>;

export const addressesPerNameMax = 128;
export const namesResponseSchema = z.object({ addresses: z.array(z.ipv4()).max(addressesPerNameMax) });
export type NamesResponse = z.output<typeof namesResponseSchema>;
