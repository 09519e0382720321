// A master key that never leaves its key service.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { keyBytes } from './envelope.js';
import type { KeyCommand } from './key-command.service.js';
import type { MasterKey } from './master-key.js';

const prefix = 'command:';

export class CommandMasterKey implements MasterKey {
  readonly id: string;

  /** @param keyId as the key service calls it */
  constructor(
    private readonly command: KeyCommand,
    private readonly keyId: string,
  ) {
    this.id = `${prefix}${keyId}`;
  }

  /** The key that wrapped something, by the id that is kept beside it. Null: it was one of another kind. */
  static of(command: KeyCommand, id: string): CommandMasterKey | null {
    return id.startsWith(prefix) ? new CommandMasterKey(command, id.slice(prefix.length)) : null;
  }

  /** With a proof of whose key it is, for a program that forgets about the context must not make one tenant's that of another. */
  wrap(tenantId: string, dataKey: Buffer): Promise<Buffer> {
    return this.command.wrap(this.question(tenantId), Buffer.concat([dataKey, proofOf(tenantId, dataKey)]));
  }

  /** @throws ApiError unavailable; Error when what comes back is not this tenant's key */
  async unwrap(tenantId: string, wrapped: Buffer): Promise<Buffer> {
    const whole = await this.command.unwrap(this.question(tenantId), wrapped);
    const [dataKey, proof] = [whole.subarray(0, keyBytes), whole.subarray(keyBytes)];
    const expected = proofOf(tenantId, dataKey);
    if (proof.length !== expected.length || !timingSafeEqual(proof, expected))
      throw new Error(`What the key service unwrapped is no data key of tenant ${tenantId}.`);
    return dataKey;
  }

  private question(tenantId: string) {
    return { keyId: this.keyId, context: { tenantId } };
  }
}

function proofOf(tenantId: string, dataKey: Buffer): Buffer {
  return createHmac('sha256', dataKey).update(`data-key/${tenantId}`).digest();
}
