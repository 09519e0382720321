// Which runtime this host has: containers by crun, or none by simulation.
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from './clock.js';
import type { Config } from './config.js';
import { guestEnvironment } from './guest/guest-environment.js';
import { guestKey } from './guest/guest-key.js';
import { createRuntime } from './runtime/crun-runtime.js';
import { type RuntimeOptions, runtimeDefaults } from './runtime/options.js';
import type { Runtime } from './runtime/runtime.js';
import { openSimMachine } from './sim/sim-machine.js';
import { createSimRuntime } from './sim/sim-runtime.js';
import { underlayAddress } from './underlay-address.js';

interface Context {
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const mib = 1024 * 1024;
const simCapacity = { cpuMillis: 16_000, memoryMiB: 65_536, taskSlots: 500 };

export async function openRuntime(config: Config, { bootId, clock, log }: Context): Promise<Runtime> {
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
      return createRuntime(crunOptions(config, clock, log, await underlayAddress(config.gatewayUrl, config.address)));
    default:
      return config.runtime satisfies never;
  }
}

function crunOptions(config: Config, clock: Clock, log: Logger, underlay: string | null): RuntimeOptions {
  const { instance, dataDirectory, subnet, uidBase, insecureRegistries, registryAuthFile, poolSize, startConcurrency, capacity, diskMiB } =
    config;
  const configured = {
    instance,
    dataDirectory,
    subnet,
    underlay,
    uidBase,
    insecureRegistries,
    registryAuthFile,
    poolSize,
    startConcurrency,
    capacity,
    diskMiB,
    imageMaxBytes: config.imageMaxMiB * mib,
    imageSpace: config.imagesGo && { belowBytes: config.imagesGo.belowFreeMiB * mib, untilBytes: config.imagesGo.untilFreeMiB * mib },
  };
  return {
    ...runtimeDefaults,
    ...configured,
    guestEnvironment: guestEnvironment(guestKey(dataDirectory), config.place.region),
    clock,
    log,
  };
}
