// Asks EC2 for machines that are written down, and finds out what came of each. Asking twice is safe: EC2 knows the request
// by the machine's id.
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { EC2, type Ec2, Ec2Error } from './ec2.service.js';
import { launchOrder } from './launch-order.js';
import { MachineTokens } from './machine-tokens.service.js';
import type { MachineChange } from './machines.store.js';
import type { MachineView, PoolView } from './types.js';

/** EC2 lets a burst of some requests through, and then about two a second. */
const atOnce = 4;

export type Launchable = Pick<MachineView, 'id' | 'poolId' | 'instanceType' | 'zone' | 'market'>;

/** Gathered while several requests are under way. */
export interface LaunchResult {
  readonly changes: MachineChange[];
  /** Not to be asked for again for some time. */
  readonly shortages: Launchable[];
  /** EC2 wants to be left alone: what is not done yet is left for later. */
  throttled: boolean;
}

@Injectable()
export class Launches {
  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'ec2' | 'gateway'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(EC2) private readonly ec2: Ec2 | null,
    @Inject(MachineTokens) private readonly tokens: MachineTokens,
  ) {}

  async launch(machines: readonly Launchable[], pools: readonly PoolView[]): Promise<LaunchResult> {
    const result: LaunchResult = { changes: [], shortages: [], throttled: false };
    const queue = [...machines];
    const work = async () => {
      for (let next = queue.shift(); next && !result.throttled; next = queue.shift()) {
        await this.launchOne(next, pools, result);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return result;
  }

  private async launchOne(machine: Launchable, pools: readonly PoolView[], result: LaunchResult) {
    const { ec2, gateway } = this.config;
    const pool = pools.find(({ id }) => id === machine.poolId);
    const destination = { joinUrl: gateway.url.replace(/^wss:/, 'https:'), gatewayUrl: gateway.url, region: ec2?.region ?? '' };
    const order = pool && launchOrder(machine, pool, this.tokens.tokenOf(machine.id), destination);
    if (!order || !this.ec2) return void result.changes.push({ id: machine.id, state: 'ended', reason: 'its pool no longer has the zone' });
    try {
      result.changes.push({ id: machine.id, state: 'launched', instanceId: await this.ec2.launch(order) });
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      this.noteFailure(machine, error, result);
    }
  }

  private noteFailure(machine: Launchable, error: Ec2Error, result: LaunchResult): void {
    const { failure, message } = error;
    this.logger.warn({ machineId: machine.id, failure, err: error }, 'EC2 did not start a machine');
    if (failure === 'throttled') result.throttled = true;
    // What came of an unknown is found out by asking again.
    if (failure === 'throttled' || failure === 'unknown') return;
    // Refused for good is treated alike: asked again at once, it would be refused again.
    result.shortages.push(machine);
    result.changes.push({ id: machine.id, state: 'ended', reason: message.slice(0, 500) });
  }
}
