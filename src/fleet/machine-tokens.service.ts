// The tokens by which machines become hosts. A machine's is derived from the master key and its id: it is never stored, and
// whoever leads can name it again when EC2 has to be asked a second time.
import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Authority } from '../agents/pki.service.js';
import { MasterKeys } from '../secrets/master-keys.service.js';

@Injectable()
export class MachineTokens {
  constructor(
    @Inject(MasterKeys) private readonly masterKeys: MasterKeys,
    @Inject(Authority) private readonly authority: Authority,
  ) {}

  tokenOf(machineId: string): string {
    return `berth-host.${this.secretOf(machineId)}.${this.authority.fingerprint}`;
  }

  /** What the database knows of it. */
  hashOf(machineId: string): Buffer {
    return createHash('sha256').update(this.secretOf(machineId)).digest();
  }

  private secretOf(machineId: string): string {
    return this.masterKeys.derive(`host token of machine ${machineId}`).toString('base64url');
  }
}
