// People: users, their memberships of tenants, how they are invited, and their sessions.
import { z } from 'zod';
import { roles, tenantRoles } from './account.js';

export const sessionLimits = {
  /** A session that is not used for so long ends. */
  idleSeconds: 12 * 3600,
  /** And any ends after this. */
  seconds: 7 * 86_400,
} as const;

export const invitationSeconds = { min: 3600, max: 14 * 86_400, default: 3 * 86_400 } as const;

/** Kept and compared in lower case. */
export const emailSchema = z
  .email('must be an e-mail address')
  .max(254)
  .transform((text) => text.toLowerCase());
/** NIST SP 800-63B: length, and nothing about kinds of characters. */
export const newPasswordSchema = z.string().min(12, 'must have at least 12 characters').max(256);
const password = z.string().min(1).max(256);

const validForSeconds = z.int().min(invitationSeconds.min).max(invitationSeconds.max).default(invitationSeconds.default);

export const createInvitationSchema = z
  .strictObject({ email: emailSchema, role: z.enum(tenantRoles).default('developer'), validForSeconds })
  .meta({ id: 'CreateInvitation' });
export type CreateInvitation = z.output<typeof createInvitationSchema>;

export const inviteOperatorSchema = z.strictObject({ email: emailSchema, validForSeconds }).meta({ id: 'InviteOperator' });

export const invitationSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    role: z.enum(roles),
    invitedBy: z.string(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    acceptedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Invitation' });
export type Invitation = z.output<typeof invitationSchema>;

export const createdInvitationSchema = invitationSchema
  .extend({ token: z.string().describe('For the person who was invited, and nobody else. Shown only now; works once.') })
  .meta({ id: 'CreatedInvitation' });
export type CreatedInvitation = z.output<typeof createdInvitationSchema>;

export const acceptInvitationSchema = z
  .strictObject({
    token: z.string().min(1).max(200),
    password: password.describe('A new one of at least 12 characters; or, for who is a user already, their own.'),
    name: z.string().min(1).max(100).optional(),
  })
  .meta({ id: 'AcceptInvitation' });
export type AcceptInvitation = z.output<typeof acceptInvitationSchema>;

export const memberSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    name: z.string(),
    role: z.enum(roles),
    joinedAt: z.iso.datetime(),
    lastLoginAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'User' });
export type Member = z.output<typeof memberSchema>;

export const updateMemberSchema = z.strictObject({ role: z.enum(tenantRoles) }).meta({ id: 'UpdateUser' });

export const changePasswordSchema = z.strictObject({ current: password, next: newPasswordSchema }).meta({ id: 'ChangePassword' });

const tenantName = z.string().min(1).max(63);

export const loginSchema = z
  .strictObject({
    email: emailSchema,
    password,
    tenant: tenantName.nullable().optional().describe('By name; null for the platform, as its operator. Absent: the first one there is.'),
    transport: z
      .enum(['cookie', 'bearer'])
      .default('cookie')
      .describe(
        '`cookie` for pages: HttpOnly, and good only for requests of our own pages. `bearer` for programs: the answer has a token.',
      ),
  })
  .meta({ id: 'Login' });
export type Login = z.output<typeof loginSchema>;

export const switchSessionSchema = z
  .strictObject({ tenant: tenantName.nullable().describe('By name; null for the platform, as its operator.') })
  .meta({ id: 'SwitchSession' });

export const sessionSchema = z
  .object({
    id: z.string(),
    current: z.boolean().describe('Whether it is the one that asks.'),
    tenant: z.string().nullable().describe('By name; null for the platform.'),
    transport: z.enum(['cookie', 'bearer']),
    ip: z.string(),
    userAgent: z.string(),
    createdAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'Session' });
export type Session = z.output<typeof sessionSchema>;

export const startedSessionSchema = sessionSchema
  .extend({
    role: z.enum(roles),
    token: z.string().nullable().describe('To be sent as "Authorization: Bearer TOKEN"; null if it is in the cookie.'),
  })
  .meta({ id: 'StartedSession' });
export type StartedSession = z.output<typeof startedSessionSchema>;

export const oidcLoginQuerySchema = z.strictObject({
  returnTo: z
    .string()
    .max(500)
    // Another site's address would make a login of ours lead there.
    .regex(/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/, 'must be a path of this site')
    .default('/')
    .describe('Path of the page to go to then.'),
});

/** As the identity provider sends them; it may send more. */
export const oidcCallbackQuerySchema = z
  .looseObject({ state: z.string().max(200), code: z.string().max(4000).optional(), error: z.string().max(200).optional() })
  .describe('OpenID Connect Core 1.0, 3.1.2.5.');
