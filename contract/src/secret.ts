// Secrets and configuration: values that a tenant keeps with Berth and that its containers get as variables or files.
// The two are one thing; what is not `sensitive` may also be read back.
import { z } from 'zod';
import { mountTargetSchema } from './container-fields.js';
import { limits } from './sizes.js';

export const secretNameSchema = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,126}$/, 'must be 1–127 letters, digits, "_", "." or "-", and begin with a letter or digit');

/** `name` for the newest version at the time the task goes to its host, or `name:version`. */
export const secretReferenceSchema = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,126}(:[1-9]\d{0,8})?$/, 'must be the name of a secret, or name:version');

const text = z
  .string()
  .refine((value) => new TextEncoder().encode(value).length <= limits.secretBytes, `must not be larger than ${limits.secretBytes} bytes`);
const base64 = z
  .base64()
  .max(Math.ceil(limits.secretBytes / 3) * 4)
  .describe('In place of value, for what is not text.');
const hasOneValue = (body: { value?: unknown; valueBase64?: unknown }) => (body.value === undefined) !== (body.valueBase64 === undefined);
const oneValue = { path: ['value'], message: 'give either value or valueBase64' };
const valueFields = { value: text.optional().describe('Text, up to 64 KiB.'), valueBase64: base64.optional() };

export const createSecretSchema = z
  .strictObject({
    name: secretNameSchema,
    ...valueFields,
    description: z.string().max(512).default(''),
    sensitive: z.boolean().default(true).describe('false: configuration, whose value can be read back. It can’t be changed later.'),
  })
  .refine(hasOneValue, oneValue)
  .meta({ id: 'CreateSecret' });
export type CreateSecret = z.output<typeof createSecretSchema>;

export const putSecretSchema = z.strictObject(valueFields).refine(hasOneValue, oneValue).meta({ id: 'PutSecret' });
export type PutSecret = z.output<typeof putSecretSchema>;

export const secretSchema = z
  .object({
    name: z.string(),
    description: z.string(),
    sensitive: z.boolean(),
    version: z.int().describe('The newest; versions count from 1.'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime().describe('When the newest version was made.'),
  })
  .meta({ id: 'Secret' });
export type Secret = z.output<typeof secretSchema>;

export const secretWithValueSchema = secretSchema
  .extend({ valueBase64: z.string().nullable().describe('Of the newest version. Null if it is sensitive.') })
  .meta({ id: 'SecretWithValue' });
export type SecretWithValue = z.output<typeof secretWithValueSchema>;

const environmentName = z.string().regex(/^[^=\0]{1,256}$/, 'must be 1–256 characters without "="');
const mode = z.string().regex(/^0?[0-7]{3}$/, 'must be three octal digits, such as 0400');
const id = z.int().min(0).max(65_535);

/** What a container takes of its tenant's secrets. */
export const secretFields = {
  secrets: z
    .array(z.strictObject({ name: environmentName, from: secretReferenceSchema }).meta({ id: 'SecretVariable' }))
    .max(limits.secretsPerContainer)
    .optional()
    .describe('Variables of the environment, over all others.'),
  secretFiles: z
    .array(
      z.strictObject({
        path: mountTargetSchema,
        from: secretReferenceSchema,
        mode: mode.default('0400').describe('Octal.'),
        uid: id.default(0),
        gid: id.default(0),
      }),
    )
    .max(limits.secretsPerContainer)
    .optional()
    .describe('Read-only files in memory.'),
  environmentFiles: z
    .array(secretReferenceSchema)
    .max(limits.secretsPerContainer)
    .optional()
    .describe(
      'Secrets whose text is lines of NAME=value; blank lines and those that begin with # count for nothing. `environment` goes over them.',
    ),
} as const;

export interface SecretUses {
  readonly secrets?: readonly { readonly name: string; readonly from: string }[] | undefined;
  readonly secretFiles?: readonly { readonly path: string; readonly from: string }[] | undefined;
  readonly environmentFiles?: readonly string[] | undefined;
}

/** Every reference that a container's fields make, each once, with the path of the field that makes it first. */
export function secretReferences(uses: SecretUses): { reference: string; path: (string | number)[] }[] {
  const all = [
    ...(uses.secrets ?? []).map(({ from }, index) => ({ reference: from, path: ['secrets', index, 'from'] })),
    ...(uses.secretFiles ?? []).map(({ from }, index) => ({ reference: from, path: ['secretFiles', index, 'from'] })),
    ...(uses.environmentFiles ?? []).map((reference, index) => ({ reference, path: ['environmentFiles', index] })),
  ];
  return all.filter(({ reference }, index) => all.findIndex((other) => other.reference === reference) === index);
}

/** Reads `name` or `name:version`. */
export function parseSecretReference(reference: string): { name: string; version: number | null } {
  const [name = '', version] = reference.split(':');
  return { name, version: version === undefined ? null : Number(version) };
}

export const dataKeyRotatedSchema = z
  .object({
    keyVersion: z.int().describe('Of the key that seals from now on.'),
    resealed: z.int().describe('How many values were sealed anew.'),
    deletedKeys: z.int().describe('How many keys of before seal nothing any more, and were destroyed.'),
  })
  .meta({ id: 'DataKeyRotated' });

export const masterKeyRewrappedSchema = z
  .object({
    masterKeyId: z.string().describe('Of the current master key.'),
    rewrapped: z.int().describe('How many data keys were wrapped anew.'),
  })
  .meta({ id: 'MasterKeyRewrapped' });
