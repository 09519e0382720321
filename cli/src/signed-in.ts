// What the file of contexts holds after somebody signed in: the key under the role that it is for.
import type { Role } from '@berth/contract';
import type { ContextFile } from './context.js';

export interface SignedIn {
  readonly name: string;
  readonly url: string;
  readonly key: string;
  readonly role: Role;
}

/** Becomes the current context. A key for the other role stays, if the context led to the same place. */
export function withKey(file: ContextFile | null, { name, url, key, role }: SignedIn): ContextFile {
  const before = file?.contexts[name];
  const kept = before?.url === url ? before : { url };
  const entry = { ...kept, ...(role === 'operator' ? { operatorKey: key } : { apiKey: key }) };
  return { ...file, current: name, contexts: { ...file?.contexts, [name]: entry } };
}

export function withoutKeys(file: ContextFile, name: string): ContextFile {
  const url = file.contexts[name]?.url;
  return url === undefined ? file : { ...file, contexts: { ...file.contexts, [name]: { url } } };
}

/** A context is named after its host, unless somebody says otherwise. */
export function contextNameOf(url: string): string {
  return new URL(url).hostname;
}
