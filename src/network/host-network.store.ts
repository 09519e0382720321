// What a host's agent says of its network, and the subnet that the host is to use.
import type { HostId, HostNetwork } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { nextSubnet } from './host-subnets.js';

export interface SubnetPlan {
  /** Null: every host keeps the subnet that it is configured with. */
  readonly taskNetwork: string | null;
  readonly hostPrefix: number;
}

/** One host at a time gets its subnet, in whichever replica. */
const lock = 'berth host subnets';

/**
 * Notes what the agent said, and gives the host a subnet if it has none.
 * @returns false if the network has no subnet left for it.
 */
export async function noteHostNetwork(db: DataSource, hostId: HostId, network: HostNetwork | null, plan: SubnetPlan): Promise<boolean> {
  const [rows]: [{ subnet: string | null }[], number] = await db.query('UPDATE hosts SET network = $2 WHERE id = $1 RETURNING subnet', [
    hostId,
    network && JSON.stringify(network),
  ]);
  if (!network || plan.taskNetwork === null || rows[0]?.subnet) return true;
  const { taskNetwork, hostPrefix } = plan;
  return db.transaction(async (manager) => {
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [lock]);
    const taken: { subnet: string }[] = await manager.query('SELECT subnet FROM hosts WHERE subnet IS NOT NULL');
    const subnet = nextSubnet(
      taskNetwork,
      hostPrefix,
      taken.map((row) => row.subnet),
      network.subnet,
    );
    if (subnet) await manager.query('UPDATE hosts SET subnet = $2 WHERE id = $1 AND subnet IS NULL', [hostId, subnet]);
    return subnet !== null;
  });
}
