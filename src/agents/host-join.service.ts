// What an operator needs to turn a machine into a host: a token, and the software.
import { agentPaths, type CreateHostToken } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { Enrolment } from './enrolment.service.js';
import { HostSoftware } from './host-software.service.js';

@Injectable()
export class HostJoin {
  private readonly joinUrl: string;

  constructor(
    @Inject(CONFIG) config: Pick<Config, 'gateway'>,
    @Inject(Enrolment) private readonly enrolment: Enrolment,
    @Inject(HostSoftware) private readonly packed: HostSoftware,
  ) {
    this.joinUrl = config.gateway.url.replace(/^wss:/, 'https:');
  }

  /** The token is in no log and can't be shown again. */
  async createToken(order: CreateHostToken) {
    return { ...(await this.enrolment.createToken(order)), joinUrl: this.joinUrl };
  }

  /** @throws ApiError no_host_software */
  async software() {
    const { sha256, sizeBytes } = await this.packed.packed();
    return { url: `${this.joinUrl}${agentPaths.software}`, sha256, sizeBytes };
  }
}
