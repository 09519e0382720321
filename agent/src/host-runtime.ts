// Which runtime this host has: containers by crun, or none by simulation.
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from './clock.js';
import type { Config } from './config.js';
import type { Runtime } from './runtime/runtime.js';
import { openSimMachine } from './sim/sim-machine.js';
import { createSimRuntime } from './sim/sim-runtime.js';

interface Context {
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const simCapacity = { cpuMillis: 16_000, memoryMiB: 65_536, taskSlots: 500 };

export async function openRuntime(config: Config, { bootId, clock }: Context): Promise<Runtime> {
  switch (config.runtime) {
    case 'sim':
      return createSimRuntime({
        bootId,
        capacity: config.capacity ?? simCapacity,
        clock,
        startDelayMs: 0,
        machine: openSimMachine(join(config.dataDirectory, 'sim')),
      });
    case 'crun':
      throw new Error('The crun runtime is not built in yet.');
    default:
      return config.runtime satisfies never;
  }
}
