// Small fleets and tasks for tests of the placement engine, with everything that a test doesn't speak of filled in.
import { Engine } from '../../src/placement/engine/engine.js';
import type { HostSpec, Placement, PlaceRequest, ShapeSpec } from '../../src/placement/engine/types.js';

export function host(id: string, more: Partial<HostSpec> = {}): HostSpec {
  return {
    id,
    zone: 'a',
    type: 'm',
    isolation: 'container',
    arch: 'amd64',
    capacity: { cpuMillis: 4000, memoryMiB: 8192, diskMiB: 10_000, networkMbps: 1000, addressSlots: 20 },
    attributes: {},
    ...more,
  };
}

export function fleet(...hosts: readonly HostSpec[]): Engine {
  const engine = new Engine();
  for (const spec of hosts) engine.apply({ kind: 'hostUp', host: spec });
  return engine;
}

/** One CPU and a GiB, unless said otherwise. */
export function task(id: string, shape: Partial<ShapeSpec> = {}, more: Partial<PlaceRequest> = {}): PlaceRequest {
  return { task: id, shape: { size: { cpuMillis: 1000, memoryMiB: 1024 }, tier: 'flex', ...shape }, ...more };
}

/** The host, or why there is none. */
export function whereOf(placement: Placement): string {
  return placement.placed ? placement.host : `refused: ${placement.reason}`;
}
