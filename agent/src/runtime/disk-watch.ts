// Watches the disk that the agent's data are on, and says when the host had better get no more tasks.
import { diskPressure, diskSpaceAt } from './disk-space.js';
import type { RuntimeLog } from './options.js';

export interface DiskWatch {
  /** Why the host should get no more tasks, in words; null when all is well. */
  readonly pressure: string | null;
  look(): Promise<void>;
}

/** @param relieve asked to make room as long as there is pressure. */
export function diskWatch(directory: string, log: RuntimeLog, relieve: () => Promise<void>): DiskWatch {
  let pressure: string | null = null;
  return {
    get pressure() {
      return pressure;
    },
    look: async () => {
      const before = pressure;
      pressure = diskPressure(diskSpaceAt(directory), before);
      if (pressure !== null && before === null) log.warn({ directory, reason: pressure }, 'the disk is nearly full: no new tasks');
      if (pressure === null && before !== null) log.info({ directory }, 'the disk has room again');
      if (pressure !== null) await relieve();
    },
  };
}
