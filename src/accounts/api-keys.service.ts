// API keys as a tenant's owners and the operator make, replace and revoke them.
import { randomBytes, randomUUID } from 'node:crypto';
import {
  type ApiKey,
  type CreateApiKey,
  type CreatedApiKey,
  isId,
  type PageQuery,
  type RotateApiKey,
  type TenantId,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../errors.js';
import { badCursor, decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { placeOfApiKey } from '../secrets/places.js';
import { SecretBox } from '../secrets/secret-box.service.js';
import { expiryOfNext, formatAccessKeyId, formatApiKey, formatSecretAccessKey } from './api-key.js';
import { ApiKeysStore, type KeyRow, type NewApiKey, toApiKey } from './api-keys.store.js';
import { Authenticator } from './authenticator.service.js';
import type { Caller } from './caller.js';
import { hashToken } from './credential.js';

type Wanted = Pick<NewApiKey, 'name' | 'role' | 'scopes' | 'expiresAt' | 'rotatedFrom'> & { readonly awsStyle: boolean };

@Injectable()
export class ApiKeys {
  constructor(
    @Inject(ApiKeysStore) private readonly store: ApiKeysStore,
    @Inject(SecretBox) private readonly box: SecretBox,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {}

  /** @throws ApiError invalid_request for a time that is over */
  async create(tenantId: TenantId, { scopes, expiresAt, ...wanted }: CreateApiKey): Promise<CreatedApiKey> {
    const made = await this.newKey(tenantId, { ...wanted, scopes: scopes ?? null, expiresAt: future(expiresAt), rotatedFrom: null });
    return toCreated(await this.store.insert(tenantId, made.row), made);
  }

  /**
   * Makes a key that may do the same; the old one works on for a while. Both come in the forms that the old one had.
   * @throws ApiError not_found, key_not_valid, invalid_request for a time that is over
   */
  async rotate(tenantId: TenantId, keyId: string, { overlapSeconds, expiresAt }: RotateApiKey): Promise<CreatedApiKey> {
    const until = future(expiresAt);
    const created = await this.store.transaction(async (manager) => {
      const old = isId(keyId) ? await this.store.lock(manager, tenantId, keyId) : null;
      if (!old) throw notFound('API key', keyId);
      const nowMs = Date.now();
      if (old.revoked_at || (old.expires_at && old.expires_at.getTime() <= nowMs)) throw new ApiError('key_not_valid', { id: keyId });
      const { name, role, scopes, access_key_id } = old;
      const next = until ?? expiryOfNext({ createdAt: old.created_at, expiresAt: old.expires_at }, nowMs);
      const wanted = { name, role, scopes, expiresAt: next, rotatedFrom: keyId, awsStyle: access_key_id !== null };
      const made = await this.newKey(tenantId, wanted);
      await this.store.expireWithin(manager, keyId, overlapSeconds);
      return toCreated(await this.store.insert(tenantId, made.row, manager), made);
    });
    this.authenticator.forget();
    return created;
  }

  async list(tenantId: TenantId, { limit, cursor }: PageQuery): Promise<Page<ApiKey>> {
    const after = cursor === undefined ? null : decodeCursor(cursor, 'keys', 1)[0];
    if (after && !isId(after)) throw badCursor();
    const page = pageOf(await this.store.list(tenantId, after ?? null, limit + 1), limit, 'keys', (key) => [key.id]);
    return { ...page, items: page.items.map(toApiKey) };
  }

  /** Works no more at once here, and after 5 s everywhere. @throws ApiError not_found */
  async revoke(tenantId: TenantId, keyId: string): Promise<ApiKey> {
    const key = isId(keyId) ? await this.store.revoke(tenantId, keyId) : null;
    if (!key) throw notFound('API key', keyId);
    this.authenticator.forget();
    return toApiKey(key);
  }

  /** For checking AWS' signatures. @returns null if there is no valid key with this access key id. */
  async byAccessKeyId(accessKeyId: string): Promise<{ caller: Caller; secretAccessKey: string } | null> {
    const found = await this.store.findByAccessKeyId(accessKeyId);
    if (!found) return null;
    const { tenantId, keyId, sealed, keyVersion } = found.secret;
    const secret = await this.box.open(tenantId, placeOfApiKey(keyId), { sealed, keyVersion });
    return { caller: found.caller, secretAccessKey: secret.toString() };
  }

  private async newKey(tenantId: TenantId, { awsStyle, ...wanted }: Wanted) {
    const { key, prefix } = formatApiKey(randomBytes(36));
    const id = randomUUID();
    const secretAccessKey = awsStyle ? formatSecretAccessKey(randomBytes(30)) : null;
    const box = secretAccessKey === null ? null : await this.box.seal(tenantId, placeOfApiKey(id), Buffer.from(secretAccessKey));
    const accessKey = box && { id: formatAccessKeyId(randomBytes(16)), ...box };
    const row: NewApiKey = { ...wanted, id, prefix, hash: hashToken(key), accessKey };
    return { row, key, secretAccessKey };
  }
}

function toCreated(row: KeyRow, { key, secretAccessKey }: { key: string; secretAccessKey: string | null }): CreatedApiKey {
  return { ...toApiKey(row), secret: key, secretAccessKey };
}

function future(instant: string | undefined): Date | null {
  if (instant === undefined) return null;
  const at = new Date(instant);
  if (at.getTime() > Date.now()) return at;
  throw new ApiError('invalid_request', { detail: 'expiresAt must be in the future.' }, { field: 'expiresAt' });
}
