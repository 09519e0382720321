// All that EC2 is told of one machine. Made of what is written down and of the pool, so that it is the same each time.
import type { Market, PoolSettings } from '@berth/contract';
import type { PoolView } from './types.js';
import { userData } from './user-data.js';

export interface LaunchOrder {
  readonly machineId: string;
  readonly poolName: string;
  readonly hostName: string;
  readonly launchTemplate: PoolSettings['launchTemplate'];
  readonly instanceType: string;
  readonly market: Market;
  readonly subnetId: string;
  readonly userData: string;
  readonly tags: Readonly<Record<string, string>>;
}

interface Destination {
  readonly joinUrl: string;
  readonly gatewayUrl: string;
  readonly region: string;
}

interface Wanted {
  readonly id: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly market: Market;
}

/** @returns null when the pool no longer has the zone. */
export function launchOrder(machine: Wanted, { name, settings }: PoolView, token: string, destination: Destination): LaunchOrder | null {
  const zone = settings.zones.find((one) => one.name === machine.zone);
  if (!zone) return null;
  const hostName = `${name}-${machine.id.slice(0, 8)}`;
  const { instanceType, market } = machine;
  return {
    machineId: machine.id,
    poolName: name,
    hostName,
    launchTemplate: settings.launchTemplate,
    instanceType,
    market,
    subnetId: zone.subnetId,
    userData: userData({ ...destination, token, hostName, zone: zone.name, instanceType, market }, settings.bootScript),
    tags: settings.tags,
  };
}
