// Secrets as their tenant makes, replaces and deletes them.
import { randomUUID } from 'node:crypto';
import type { CreateSecret, PageQuery, PutSecret, Secret, SecretWithValue, TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../errors.js';
import { decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { placeOfSecret } from './places.js';
import { SecretBox } from './secret-box.service.js';
import { type SecretRow, SecretsStore } from './secrets.store.js';

@Injectable()
export class SecretsService {
  constructor(
    @Inject(SecretsStore) private readonly store: SecretsStore,
    @Inject(SecretBox) private readonly box: SecretBox,
  ) {}

  /** @throws ApiError name_taken */
  async create(tenantId: TenantId, { name, description, sensitive, ...body }: CreateSecret): Promise<Secret> {
    const id = randomUUID();
    const box = await this.box.seal(tenantId, placeOfSecret(id, 1), bytesOf(body));
    const made = await this.store.insert(tenantId, { id, name, description, sensitive, box });
    if (!made) throw new ApiError('name_taken', { what: 'secret', name }, { field: 'name' });
    return withoutId(made);
  }

  /** Makes the next version. Tasks that run keep what they have. @throws ApiError not_found */
  async put(tenantId: TenantId, name: string, body: PutSecret): Promise<Secret> {
    for (;;) {
      const secret = await this.existing(tenantId, name);
      const sealed = await this.box.seal(tenantId, placeOfSecret(secret.id, secret.version + 1), bytesOf(body));
      const next = await this.store.addVersion(secret.id, secret.version, sealed);
      // Else somebody was faster: theirs is the one before ours.
      if (next) return withoutId(next);
    }
  }

  /** With its value, unless it is sensitive. @throws ApiError not_found */
  async get(tenantId: TenantId, name: string): Promise<SecretWithValue> {
    const secret = await this.existing(tenantId, name);
    if (secret.sensitive) return { ...withoutId(secret), valueBase64: null };
    const [found] = await this.store.findSealed([{ tenantId, name, version: secret.version }]);
    if (!found) throw noSecret(name);
    const value = await this.box.open(tenantId, placeOfSecret(found.secretId, found.version), found);
    return { ...withoutId(secret), valueBase64: value.toString('base64') };
  }

  async list(tenantId: TenantId, { limit, cursor }: PageQuery): Promise<Page<Secret>> {
    const [afterName = null] = cursor === undefined ? [] : decodeCursor(cursor, 'secrets', 1);
    const page = pageOf(await this.store.list(tenantId, afterName, limit + 1), limit, 'secrets', (secret) => [secret.name]);
    return { ...page, items: page.items.map(withoutId) };
  }

  /** With all versions, for good. Tasks that run keep what they have. @throws ApiError not_found */
  async delete(tenantId: TenantId, name: string): Promise<Secret> {
    const deleted = await this.store.delete(tenantId, name);
    if (!deleted) throw noSecret(name);
    return withoutId(deleted);
  }

  private async existing(tenantId: TenantId, name: string): Promise<SecretRow> {
    const secret = await this.store.find(tenantId, name);
    if (!secret) throw noSecret(name);
    return secret;
  }
}

function bytesOf({ value, valueBase64 }: PutSecret): Buffer {
  return value === undefined ? Buffer.from(valueBase64 ?? '', 'base64') : Buffer.from(value);
}

function withoutId({ id: _, ...secret }: SecretRow): Secret {
  return secret;
}

function noSecret(name: string): ApiError {
  return notFound('secret', name, 127);
}
