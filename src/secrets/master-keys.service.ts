// The keys above all keys, from files that only the control plane can read: one that wraps, and older ones that only
// unwrap, until everything they wrapped is wrapped anew.
import { MasterKey } from './master-key.service.js';

export class MasterKeys {
  private readonly byId: ReadonlyMap<string, MasterKey>;

  constructor(
    readonly current: MasterKey,
    older: readonly MasterKey[],
  ) {
    this.byId = new Map([...older, current].map((key) => [key.id, key]));
  }

  wrap(tenantId: string, dataKey: Buffer): Buffer {
    return this.current.wrap(tenantId, dataKey);
  }

  /** @throws Error when this replica does not have that master key, or it wrapped something else. */
  unwrap(tenantId: string, masterKeyId: string, wrapped: Buffer): Buffer {
    const key = this.byId.get(masterKeyId);
    if (!key)
      throw new Error(`The data key of tenant ${tenantId} needs the master key ${masterKeyId}; this replica has ${[...this.byId.keys()]}.`);
    return key.unwrap(tenantId, wrapped);
  }
}
