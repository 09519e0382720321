// What a container's fields make of secret values: its environment, and the contents of its files. Pure. What is wrong
// with a value is said without the value.
import type { ContainerSpec, SecretValues } from '@berth/contract';

export interface SecretFile {
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export function usesSecrets({ secrets, secretFiles, environmentFiles }: ContainerSpec): boolean {
  return [secrets, secretFiles, environmentFiles].some((uses) => (uses?.length ?? 0) > 0);
}

/**
 * The definition's environment goes over environment files, and secrets go over both.
 * @throws Error in words for the task's owner, when a value is missing or can't be a variable.
 */
export function environmentWithSecrets(container: ContainerSpec, values: SecretValues): Record<string, string> {
  const fromFiles = (container.environmentFiles ?? []).flatMap((reference) => parseEnvironmentFile(reference, textOf(reference, values)));
  const secrets = (container.secrets ?? []).map(({ name, from }) => [name, textOf(from, values)] as const);
  return { ...Object.fromEntries(fromFiles), ...container.environment, ...Object.fromEntries(secrets) };
}

/** @throws Error when a value is missing. */
export function secretFilesOf(container: ContainerSpec, values: SecretValues): SecretFile[] {
  return (container.secretFiles ?? []).map(({ path, from, mode, uid, gid }) => ({
    ...{ path, uid, gid },
    content: contentOf(from, values),
    mode: Number.parseInt(mode, 8),
  }));
}

/** Lines of NAME=value, as Docker has it: no quotes, no escapes; blank lines and comments count for nothing. */
export function parseEnvironmentFile(reference: string, text: string): [string, string][] {
  return text.split(/\r?\n/).flatMap((line, index): [string, string][] => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const equals = line.indexOf('=');
    if (equals <= 0) throw new Error(`line ${index + 1} of its environment file ${reference} is not NAME=value`);
    return [[line.slice(0, equals), line.slice(equals + 1)]];
  });
}

function textOf(reference: string, values: SecretValues): string {
  const text = contentOf(reference, values).toString('utf8');
  if (text.includes('\0')) throw new Error(`the secret ${reference} has a NUL character and can’t be a variable; use secretFiles`);
  return text;
}

function contentOf(reference: string, values: SecretValues): Buffer {
  const value = values[reference];
  if (value === undefined) throw new Error(`the secret ${reference} does not exist any more`);
  return Buffer.from(value, 'base64');
}
