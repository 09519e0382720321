// From base units, which are added up, to the units that have a price.
import type { Dimension } from '@berth/contract';
import { Exact } from './money.js';

const msPerHour = 3_600_000n;

/** `perUnit`: base units in one unit. */
export const units = {
  cpu: { unit: 'vCPU-hour', perUnit: 1000n * msPerHour },
  memory: { unit: 'GiB-hour', perUnit: 1024n * msPerHour },
  disk: { unit: 'GiB-hour', perUnit: 1024n * msPerHour },
  gpu: { unit: 'GPU-hour', perUnit: msPerHour },
  volume: { unit: 'GiB-hour', perUnit: 1024n * msPerHour },
  egress: { unit: 'GiB', perUnit: 1024n ** 3n },
  address: { unit: 'address-hour', perUnit: msPerHour },
} as const satisfies Record<Dimension, { unit: string; perUnit: bigint }>;

export function toUnits(dimension: Dimension, quantity: bigint): Exact {
  return new Exact(quantity.toString()).div(units[dimension].perUnit.toString());
}

/** Base units in so many units; a fraction of a base unit is left off. */
export function toBase(dimension: Dimension, amount: string): bigint {
  return BigInt(new Exact(amount).times(units[dimension].perUnit.toString()).floor().toFixed());
}
