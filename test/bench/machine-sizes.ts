// Sizes of the virtual machines in Azure's public trace (V1) with their frequency, as a stand-in for task sizes.
import type { Random } from './random.js';

export interface MachineSize {
  readonly cpuMillis: number;
  readonly memoryMiB: number;
}

const sizes: readonly (MachineSize & { readonly perMille: number })[] = [
  { perMille: 603, cpuMillis: 1000, memoryMiB: 1792 },
  { perMille: 185, cpuMillis: 2000, memoryMiB: 3584 },
  { perMille: 99, cpuMillis: 4000, memoryMiB: 7168 },
  { perMille: 90, cpuMillis: 8000, memoryMiB: 14_336 },
  { perMille: 17, cpuMillis: 1000, memoryMiB: 768 },
  { perMille: 6, cpuMillis: 8000, memoryMiB: 57_344 },
];

export function randomSize(random: Random): MachineSize {
  let left = random.below(1000);
  for (const size of sizes) {
    left -= size.perMille;
    if (left < 0) return size;
  }
  throw new Error('The frequencies of the sizes must sum up to 1000.');
}
