// Role credentials, in the form in which AWS hands them out, for a platform that has no keys to give: the session token
// is the task's signed identity. Whoever trusts the control plane's issuer takes that alone, and AWS' own STS gives keys
// for it by AssumeRoleWithWebIdentity.
import { toInstant } from '../instant.js';
import type { IdentityToken } from './guest-request.js';

/** For whom a token is if its asker does not say: AWS STS, the most usual reader of such tokens. */
export const defaultAudience = 'sts.amazonaws.com';
/** Readable for whoever finds it in the log of a service that it was sent to by mistake. */
const noKey = 'see-Token-it-is-a-signed-identity';

export function credentialsDocument({ token, issuedAtMs, expiresAtMs }: IdentityToken, taskId: string) {
  return {
    Code: 'Success',
    Type: 'Berth-Identity-Token',
    LastUpdated: toInstant(issuedAtMs),
    AccessKeyId: `BERTH${taskId.replaceAll('-', '').slice(0, 15).toUpperCase()}`,
    SecretAccessKey: noKey,
    Token: token,
    Expiration: toInstant(expiresAtMs),
  };
}
