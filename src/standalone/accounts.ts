// Who uses a new Berth: the operator's key, the tenant `default` with an owner's key, and the machine's own host
// token. Keys are kept below the data directory, readable by root alone.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CreatedApiKey, Tenant } from '@berth/contract';
import { pathsOf, type Settings, urlOf } from './plan.js';
import { type Rest, RestError, restClient } from './rest.js';

export interface Keys {
  readonly operatorKey: string;
  readonly apiKey: string;
}

/** Made on the first start, the same ever after. */
export async function operatorKey(settings: Settings): Promise<string> {
  return (
    (await readSecret(settings, 'operator.key')) ??
    keepSecret(settings, 'operator.key', `berth_op_${randomBytes(32).toString('base64url')}`)
  );
}

/** The key of tenant `default`; a new one if there is none, or the database does not know it (it is another database). */
export async function ensureKeys(settings: Settings, operator: string): Promise<Keys> {
  const kept = await readSecret(settings, 'default-owner.key');
  if (kept && (await isValid(settings, kept))) return { operatorKey: operator, apiKey: kept };
  const rest = restClient(urlOf(settings), operator);
  const tenant = await ensureTenant(rest, 'default');
  const { secret } = await rest.post<CreatedApiKey>(`/v1/tenants/${tenant.id}/api-keys`, { name: 'bin-up', role: 'owner' });
  return { operatorKey: operator, apiKey: await keepSecret(settings, 'default-owner.key', secret) };
}

/** A one-use token by which this machine's agent becomes a host. */
export async function hostToken(settings: Settings, operator: string): Promise<string> {
  const { token } = await restClient(urlOf(settings), operator).post<{ token: string }>('/v1/host-tokens', { validForSeconds: 600 });
  return token;
}

async function ensureTenant(rest: Rest, name: string): Promise<Tenant> {
  try {
    return await rest.post<Tenant>('/v1/tenants', { name });
  } catch (error) {
    if (!(error instanceof RestError && error.code === 'name_taken')) throw error;
    return findTenant(rest, name);
  }
}

async function findTenant(rest: Rest, name: string): Promise<Tenant> {
  let cursor: string | null = null;
  do {
    const query: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
    const page: { items: Tenant[]; nextCursor: string | null } = await rest.get(`/v1/tenants?limit=500${query}`);
    const found = page.items.find((tenant) => tenant.name === name);
    if (found) return found;
    cursor = page.nextCursor;
  } while (cursor);
  throw new Error(`The tenant ${name} exists and is not in the list of tenants.`);
}

async function isValid(settings: Settings, key: string): Promise<boolean> {
  try {
    await restClient(urlOf(settings), key).get('/v1/whoami');
    return true;
  } catch (error) {
    if (error instanceof RestError && error.status === 401) return false;
    throw error;
  }
}

async function readSecret(settings: Settings, name: string): Promise<string | null> {
  return readFile(join(pathsOf(settings).secrets, name), 'utf8').then(
    (text) => text.trim() || null,
    () => null,
  );
}

async function keepSecret(settings: Settings, name: string, secret: string): Promise<string> {
  const directory = pathsOf(settings).secrets;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, name), `${secret}\n`, { mode: 0o600 });
  return secret;
}
