// Pools and machines as the API shows them.
import type { Machine, MachineState, Pool } from '@berth/contract';
import type { MachineRow } from './machines.store.js';
import { fromMicros, toMicros } from './offers.js';
import type { PoolRow, ShortageRow } from './pools.store.js';

export function toPool({ id, name, settings, machines, createdAt, updatedAt }: PoolRow, shortages: readonly ShortageRow[]): Pool {
  const zones = new Set(settings.zones.map((zone) => zone.name));
  const types = new Map(settings.instanceTypes.map((type) => [type.name, type]));
  const price = ({ instanceType, market }: PoolRow['machines'][number]) => {
    const type = types.get(instanceType);
    return toMicros((market === 'spot' ? type?.spotPrice : type?.onDemandPrice) ?? '0');
  };
  const micros = machines.filter(({ state }) => state !== 'requested').reduce((sum, one) => sum + one.count * price(one), 0);
  const inState = (state: MachineState) => machines.filter((one) => one.state === state).reduce((sum, { count }) => sum + count, 0);
  return {
    id,
    name,
    ...settings,
    machines: {
      requested: inState('requested'),
      launched: inState('launched'),
      joined: inState('joined'),
      draining: inState('draining'),
      ending: inState('ending'),
    },
    hourlyPrice: fromMicros(micros),
    shortages: shortages
      .filter(({ instanceType, zone }) => types.has(instanceType) && zones.has(zone))
      .map((shortage) => ({ ...shortage, until: shortage.until.toISOString() })),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

export function toMachine(row: MachineRow): Machine {
  const { id, state, zone, market, reason } = row;
  return {
    ...{ id, state, zone, market, reason },
    instanceType: row.instance_type,
    instanceId: row.instance_id,
    hostId: row.host_id,
    endReason: row.end_reason,
    requestedAt: row.requested_at.toISOString(),
    launchedAt: row.launched_at?.toISOString() ?? null,
    joinedAt: row.joined_at?.toISOString() ?? null,
    drainingSince: row.draining_since?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
  };
}
