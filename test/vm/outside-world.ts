// A machine outside of the virtual machine, as far as the kernel of the latter is concerned: a network namespace at the end
// of a cable, with an NFS server and a listener in it.
import type { JoinedMachine } from './joined-machine.js';

export interface OutsideWorld {
  readonly address: string;
  /** Of a machine that swallows what is sent to it. */
  readonly silent: string;
  /** What its NFS server has. */
  readonly exported: string;
  /** Cuts the cable, or mends it. */
  cable(state: 'up' | 'down'): Promise<void>;
}

const hostSide = '198.51.100.13';
const address = '198.51.100.14';
const silent = '198.51.100.12';
const exported = '/srv/export';

/**
 * nfsd belongs to the network namespace in which it was started, and so is another machine's to the host. It has no memory
 * of clients there, so its time of grace, in which nobody may open a file, is made the shortest.
 */
const script = `
ip netns add world
ip link add world type veth peer name out netns world
ip addr add ${hostSide}/29 dev world && ip link set world up
ip -n world addr add ${address}/29 dev out && ip -n world link set out up && ip -n world link set lo up
ip neigh add ${silent} lladdr $(ip netns exec world cat /sys/class/net/out/address) dev world
ip -n world route add blackhole ${silent}
mkdir -p ${exported} && chmod 777 ${exported}
modprobe nfsd
exec >/dev/null 2>/run/world.log
ip netns exec world sh -ec '
  mount -t nfsd nfsd /proc/fs/nfsd
  exportfs -o rw,all_squash,anonuid=1000,anongid=1000,no_subtree_check ${hostSide}:${exported}
  rpc.mountd -N 2 -N 3
  rpc.nfsd --grace-time 10 -N 3 -V 4 2
'`;

export async function outsideWorld(machine: JoinedMachine['machine']): Promise<OutsideWorld> {
  await machine.must(script);
  return {
    address,
    silent,
    exported,
    cable: async (state) => {
      await machine.must(`ip -n world link set out ${state}`);
    },
  };
}
