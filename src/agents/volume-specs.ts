// A task's volumes as its host has to make them. Most tasks have none, and say nothing.
import type { TaskVolume, VolumeSpec } from '@berth/contract';
import type { VolumeNeed } from '../placement/volume-needs.js';

/** @throws Error if a persistent volume is not among the task's needs: it was not looked up when the task was made. */
export function toVolumeSpecs(volumes: readonly TaskVolume[] = [], needs: readonly VolumeNeed[] = []): { volumes?: VolumeSpec[] } {
  if (volumes.length === 0) return {};
  return { volumes: volumes.map((volume) => toVolumeSpec(volume, needs)) };
}

function toVolumeSpec({ name, volume, nfs }: TaskVolume, needs: readonly VolumeNeed[]): VolumeSpec {
  if (nfs) return { name, nfs };
  if (volume === undefined) return { name };
  const need = needs.find((one) => one.name === volume);
  if (!need) throw new Error(`the task does not say which volume ${volume} is`);
  return { name, persistent: { id: need.id, sizeMiB: need.sizeMiB, access: need.write ? 'write' : 'read' } };
}
