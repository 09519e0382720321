// The keys above all keys: one that wraps, and older ones that only unwrap, until everything they wrapped is wrapped anew.
import { CommandMasterKey } from './command-master-key.service.js';
import type { FileMasterKey } from './file-master-key.service.js';
import type { KeyCommand } from './key-command.service.js';
import type { MasterKey } from './master-key.js';

export interface MasterKeySources {
  readonly current: MasterKey;
  readonly older: readonly MasterKey[];
  /** Where keys of a key service are asked for, older ones too. Null: none is configured. */
  readonly command: KeyCommand | null;
  /** From which further secrets of the platform are derived. */
  readonly root: FileMasterKey;
}

export class MasterKeys {
  private readonly byId: ReadonlyMap<string, MasterKey>;

  constructor(private readonly sources: MasterKeySources) {
    this.byId = new Map([sources.root, ...sources.older, sources.current].map((key) => [key.id, key]));
  }

  get current(): MasterKey {
    return this.sources.current;
  }

  /** 32 bytes that only who has the platform's keys can name, the same each time. @param purpose whose they are, and which */
  derive(purpose: string): Buffer {
    return this.sources.root.derive(purpose);
  }

  /** @throws ApiError unavailable */
  wrap(tenantId: string, dataKey: Buffer): Promise<Buffer> {
    return this.current.wrap(tenantId, dataKey);
  }

  /** @throws Error when this replica does not have that master key, or it wrapped something else; ApiError unavailable */
  async unwrap(tenantId: string, masterKeyId: string, wrapped: Buffer): Promise<Buffer> {
    const { command } = this.sources;
    const key = this.byId.get(masterKeyId) ?? (command && CommandMasterKey.of(command, masterKeyId));
    if (!key)
      throw new Error(`The data key of tenant ${tenantId} needs the master key ${masterKeyId}; this replica has ${[...this.byId.keys()]}.`);
    return key.unwrap(tenantId, wrapped);
  }
}
