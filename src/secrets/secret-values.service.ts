// The values that tasks take: opened when a task goes to its host, and only those that its definition names.
import {
  limits,
  parseSecretReference,
  type SecretUses,
  type SecretValues as SecretValuesByReference,
  secretReferences,
  type TenantId,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '../errors.js';
import { placeOfSecret } from './places.js';
import { SecretBox } from './secret-box.service.js';
import { type Runner, type SealedValue, SecretsStore } from './secrets.store.js';

export interface SecretUser {
  readonly tenantId: string;
  readonly containers: readonly SecretUses[];
}

@Injectable()
export class SecretValues {
  constructor(
    @Inject(SecretsStore) private readonly store: SecretsStore,
    @Inject(SecretBox) private readonly box: SecretBox,
  ) {}

  /**
   * @param runner the transaction that makes the task
   * @throws ApiError unknown_secret, with the field that names one that does not exist; secrets_too_large
   */
  async requireAll(runner: Runner, { tenantId, containers }: SecretUser): Promise<void> {
    const uses = containers.flatMap((container, index) =>
      secretReferences(container).map(({ reference, path }) => ({ reference, field: ['containers', index, ...path].join('.') })),
    );
    const sizes = await this.store.sizes(
      runner,
      uses.map(({ reference }) => ({ tenantId, ...parseSecretReference(reference) })),
    );
    const missing = uses.find((_, index) => sizes[index] === null);
    if (missing) throw new ApiError('unknown_secret', { secret: missing.reference }, { field: missing.field });
    const total = sizes.reduce((sum: number, size) => sum + (size ?? 0), 0);
    if (total > limits.secretBytesPerTask) throw new ApiError('secrets_too_large', { limit: limits.secretBytesPerTask });
  }

  /**
   * For each user what it names, by reference and in base64. What does not exist (any more) is left out.
   * @returns for a user whose values can't be opened now, why not: that is nobody else's trouble
   */
  async of(users: readonly SecretUser[]): Promise<(SecretValuesByReference | Error)[]> {
    const wishes = users.flatMap((user, index) => referencesOf(user).map((reference) => ({ index, reference, tenantId: user.tenantId })));
    const found = await this.store.findSealed(wishes.map(({ tenantId, reference }) => ({ tenantId, ...parseSecretReference(reference) })));
    const sealed = wishes.flatMap((wish, place) => (found[place] ? [{ ...wish, ...found[place] }] : []));
    return Promise.all(
      users.map((_, user) => this.openAll(sealed.filter(({ index }) => index === user)).catch((error: unknown) => error as Error)),
    );
  }

  private async openAll(
    sealed: readonly (SealedValue & { readonly reference: string; readonly tenantId: string })[],
  ): Promise<SecretValuesByReference> {
    const values: SecretValuesByReference = {};
    for (const one of sealed) {
      const value = await this.box.open(one.tenantId as TenantId, placeOfSecret(one.secretId, one.version), one);
      values[one.reference] = value.toString('base64');
    }
    return values;
  }
}

export function referencesOf({ containers }: Pick<SecretUser, 'containers'>): string[] {
  return [...new Set(containers.flatMap((container) => secretReferences(container).map(({ reference }) => reference)))];
}
