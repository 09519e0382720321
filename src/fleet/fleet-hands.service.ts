// Carries out what was decided for the fleet. First it is written down, then EC2 is told: whoever is killed in between left
// behind what the next leader needs to go on.
import { randomUUID } from 'node:crypto';
import type { HostId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { removeHost } from '../agents/host-changes.store.js';
import { SignalBus } from '../db/signals.js';
import { setAvailability, startDrain } from '../drain/drains.store.js';
import type { Lease } from '../placement/lease.store.js';
import { EC2, type Ec2 } from './ec2.service.js';
import { type Launchable, Launches } from './launches.service.js';
import { MachineTokens } from './machine-tokens.service.js';
import { changeMachines, insertMachines, type MachineChange, type NewMachine, noteShortages, noteUnneeded } from './machines.store.js';
import type { FleetAction, FleetView, MachineRequest } from './types.js';

/** For so long EC2 is not asked again for what it had none of. */
const shortageSeconds = 300;
/** Of a drain that nobody is in a hurry for. */
const drainSeconds = 3600;
/** EC2 gives two minutes; some of them are over when we hear of it. */
const interruptionSeconds = 90;

type Of<K extends FleetAction['kind']> = Extract<FleetAction, { kind: K }>;

export interface Done {
  readonly leading: boolean;
  readonly throttled: boolean;
}

const lost: Done = { leading: false, throttled: false };

@Injectable()
export class FleetHands {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(EC2) private readonly ec2: Ec2 | null,
    @Inject(Launches) private readonly launches: Launches,
    @Inject(MachineTokens) private readonly tokens: MachineTokens,
  ) {}

  /** @returns whether this is still the leader, and whether EC2 asked to be left alone. @throws Ec2Error */
  async carryOut(lease: Lease, actions: readonly FleetAction[], view: FleetView): Promise<Done> {
    const of = <K extends FleetAction['kind']>(kind: K) => actions.filter((action): action is Of<K> => action.kind === kind);
    const unneeded = of('unneeded');
    if (unneeded.length > 0 && !(await noteUnneeded(this.db, lease, unneeded))) return lost;
    await this.tellHosts(of('drain'), of('keep'), view);
    await this.removeHosts(of('ended'), view);
    const changed = await changeMachines(this.db, lease, changesOf(actions));
    if (!changed) return lost;
    const fresh = await this.writeDown(lease, of('request'), view);
    if (!fresh) return lost;
    const ending = changed.flatMap(({ state, instanceId }) => (state === 'ending' && instanceId !== null ? [instanceId] : []));
    const again = [...of('terminate'), ...of('terminateStray')].map(({ instanceId }) => instanceId);
    if (ending.length + again.length > 0) await this.ec2?.terminate([...ending, ...again]);
    const waiting = new Set(of('launch').map(({ machineId }) => machineId));
    return this.launch(lease, [...view.machines.filter(({ id }) => waiting.has(id)), ...fresh], view);
  }

  /** Before the machine's own row: a host that drains without it leaves all the same, a machine without it would not. */
  private async tellHosts(drains: readonly Of<'drain'>[], keeps: readonly Of<'keep'>[], view: FleetView): Promise<void> {
    const hostOf = new Map(view.machines.map(({ id, hostId }) => [id, hostId as HostId | null]));
    const touched: HostId[] = [];
    for (const { machineId, reason, hurry } of drains) {
      const hostId = hostOf.get(machineId);
      if (!hostId) continue;
      const deadlineSeconds = hurry ? interruptionSeconds : drainSeconds;
      await startDrain(this.db, hostId, { cause: 'fleet', reason: `${reason}.`, deadlineSeconds });
      touched.push(hostId);
    }
    for (const { machineId } of keeps) {
      const hostId = hostOf.get(machineId);
      if (!hostId) continue;
      await setAvailability(this.db, hostId, 'open', 'It is needed again.');
      touched.push(hostId);
    }
    if (touched.length === 0) return;
    this.signals.send('hosts', touched);
    this.signals.send('pending', null);
  }

  /** A machine that is no more takes its host with it, its tasks too. The host goes first: without it the machine is looked at again. */
  private async removeHosts(ended: readonly Of<'ended'>[], view: FleetView): Promise<void> {
    const over = new Set(ended.map(({ machineId }) => machineId));
    for (const { id, hostId } of view.machines) {
      if (hostId === null || !over.has(id)) continue;
      const gone = await removeHost(this.db, hostId as HostId, true, 'is no more: its machine at EC2 has ended');
      if (!gone?.removed) continue;
      this.signals.send('tasks', gone.tasks);
      this.signals.send('hosts', [hostId]);
      this.signals.send('pending', null);
    }
  }

  private async writeDown(lease: Lease, requests: readonly MachineRequest[], view: FleetView): Promise<NewMachine[] | null> {
    const pools = new Map(view.pools.map((pool) => [pool.id, pool]));
    const machines = requests.flatMap((request): NewMachine[] => {
      const pool = pools.get(request.poolId);
      if (!pool) return [];
      const id = randomUUID();
      const { attributes, joinTimeoutSeconds } = pool.settings;
      const token = { tokenHash: this.tokens.hashOf(id), tokenValidForSeconds: 2 * joinTimeoutSeconds };
      return [{ ...request, id, poolName: pool.name, attributes, ...token }];
    });
    if (machines.length === 0) return [];
    return (await insertMachines(this.db, lease, machines)) ? machines : null;
  }

  private async launch(lease: Lease, machines: readonly Launchable[], { pools }: FleetView): Promise<Done> {
    if (machines.length === 0) return { leading: true, throttled: false };
    const { changes, shortages, throttled } = await this.launches.launch(machines, pools);
    if (shortages.length > 0 && !(await noteShortages(this.db, lease, shortages, shortageSeconds))) return lost;
    return { leading: (await changeMachines(this.db, lease, changes)) !== null, throttled };
  }
}

function changesOf(actions: readonly FleetAction[]): MachineChange[] {
  return actions.flatMap((action): MachineChange[] => {
    switch (action.kind) {
      case 'adopt':
        return [{ id: action.machineId, state: 'launched', instanceId: action.instanceId }];
      case 'join':
        return [{ id: action.machineId, state: 'joined', hostId: action.hostId }];
      case 'drain':
        return [{ id: action.machineId, state: 'draining', reason: action.reason, final: action.final }];
      case 'keep':
        return [{ id: action.machineId, state: 'joined' }];
      case 'end':
        return [{ id: action.machineId, state: 'ending', reason: action.reason }];
      case 'ended':
        return [{ id: action.machineId, state: 'ended', reason: action.reason }];
      default:
        return [];
    }
  });
}
