// One at a time may look at what disruption budgets allow and act on it: the draining of hosts, and evictions for others'
// sake. Each would else spend what the other has just spent. Within this process is enough: only the leader does either, and
// its statements are over before another can lead (`leaseGuard`).
import { Injectable } from '@nestjs/common';
import { OneAtATime } from '../one-at-a-time.js';

@Injectable()
export class DisruptionGate extends OneAtATime {}
