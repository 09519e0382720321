// Hosts that come, go, drain and get images. Each change leaves its inverse in the undo log.
import { at, vectorOf } from './columns.js';
import { maxDevices } from './holdings.js';
import { DRAINING } from './hosts.js';
import { gaveBack, reindex, vacate } from './occupancy.js';
import type { HostSpec } from './types.js';
import type { World } from './world.js';

/** @throws RangeError if the host is there already or has more GPUs than a task can name. */
export function hostUp(world: World, spec: HostSpec): void {
  if (world.hosts.handle(spec.id) >= 0) throw new RangeError(`host ${spec.id} is up already; send hostDown first if it was replaced`);
  if ((spec.capacity.gpuMillis ?? 0) > maxDevices * 1000) throw new RangeError(`host ${spec.id} has more than ${maxDevices} GPUs`);
  const { hosts, undo } = world;
  const host = hosts.add(spec);
  hosts.kind[host] = world.pools.kindOf(spec.attributes);
  const pool = world.pools.of(spec, at(hosts.zone, host), at(hosts.kind, host), undo);
  hosts.pool[host] = pool.id;
  world.devices.up(host, spec.capacity.gpuMillis ?? 0);
  world.capacity.count(hosts.reachOf(host), 1);
  if (undo.recording) {
    undo.push(() => {
      world.capacity.count(hosts.reachOf(host), -1);
      world.devices.down(host);
      hosts.remove(host);
    });
  }
  growCells(world, pool.id, spec);
  gaveBack(world, host);
  reindex(world, host);
}

/** The first host of its size makes the pool's cells larger, and all its hosts change cells. */
function growCells(world: World, id: number, spec: HostSpec): void {
  const pool = world.pools.list[id];
  if (!pool) return;
  const { rowStep, columnStep } = pool;
  if (!pool.fit(vectorOf(spec.capacity, 0))) return;
  world.pools.version++;
  if (world.undo.recording) {
    world.undo.push(() => {
      pool.rowStep = rowStep;
      pool.columnStep = columnStep;
      world.pools.version++;
    });
  }
  for (let host = 0; host < world.hosts.rows; host++) if (at(world.hosts.pool, host) === id) reindex(world, host);
}

/** @returns the tasks that were lost with the host, oldest first. */
export function hostDown(world: World, id: string): string[] {
  const host = knownHost(world, id);
  const { hosts, tasks, undo } = world;
  const lost = tasks.on(hosts, host);
  for (const task of lost) vacate(world, task);
  const spec = hosts.specs[host] as HostSpec;
  const state = at(hosts.state, host);
  const pool = at(hosts.pool, host);
  const kind = at(hosts.kind, host);
  if (!(state & DRAINING)) world.capacity.count(hosts.reachOf(host), -1);
  const images = world.images.clear(host);
  world.devices.down(host);
  hosts.remove(host);
  reindex(world, host);
  if (undo.recording) {
    undo.push(() => {
      hosts.restore(host, spec, state);
      hosts.pool[host] = pool;
      hosts.kind[host] = kind;
      world.devices.up(host, spec.capacity.gpuMillis ?? 0);
      world.images.replace(host, images);
      if (!(state & DRAINING)) world.capacity.count(hosts.reachOf(host), 1);
      gaveBack(world, host);
    });
  }
  return lost.map((task) => tasks.ids[task] as string);
}

/** A draining host keeps its tasks and gets no new ones. */
export function setDraining(world: World, id: string, draining: boolean): void {
  const host = knownHost(world, id);
  if (((at(world.hosts.state, host) & DRAINING) !== 0) === draining) return;
  flipDraining(world, host);
  if (world.undo.recording) world.undo.push(() => flipDraining(world, host));
  reindex(world, host);
}

function flipDraining(world: World, host: number): void {
  const state = at(world.hosts.state, host) ^ DRAINING;
  world.hosts.state[host] = state;
  world.capacity.count(world.hosts.reachOf(host), state & DRAINING ? -1 : 1);
  if (!(state & DRAINING)) gaveBack(world, host);
}

export function setImage(world: World, id: string, image: string, present: boolean): void {
  const host = knownHost(world, id);
  const before = world.images.has(host, image);
  world.images.set(host, image, present);
  if (world.undo.recording) world.undo.push(() => world.images.set(host, image, before));
}

/** @throws RangeError if no such host is up. */
export function knownHost(world: World, id: string): number {
  const host = world.hosts.handle(id);
  if (host < 0) throw new RangeError(`host ${id} is not up; send hostUp first`);
  return host;
}
