// What the control plane says of itself as an issuer of tasks' identity tokens.
import { z } from 'zod';

export const discoverySchema = z
  .object({
    issuer: z.string(),
    jwks_uri: z.string(),
    response_types_supported: z.array(z.string()),
    subject_types_supported: z.array(z.string()),
    id_token_signing_alg_values_supported: z.array(z.string()),
    claims_supported: z.array(z.string()),
  })
  .meta({ id: 'OpenIdConfiguration' });

export const publicKeysSchema = z
  .object({
    keys: z.array(
      z
        .object({ kty: z.string(), crv: z.string(), x: z.string(), y: z.string(), kid: z.string(), alg: z.string(), use: z.string() })
        .meta({ id: 'PublicKey' }),
    ),
  })
  .meta({ id: 'PublicKeys' });
