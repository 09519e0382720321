// What an operator needs to turn a machine into a host: a token, and the command that takes it there.
import type { CreateHostToken } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { Enrolment } from './enrolment.service.js';

@Injectable()
export class HostJoin {
  constructor(@Inject(Enrolment) private readonly enrolment: Enrolment) {}

  /** The token is in no log and can't be shown again. */
  async createToken(order: CreateHostToken) {
    const made = await this.enrolment.createToken(order);
    return { ...made, joinUrl: made.gatewayUrl.replace(/^wss:/, 'https:'), joinCommand: null };
  }
}
