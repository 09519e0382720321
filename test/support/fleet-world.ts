// EC2, hosts and tasks as the fleet's decisions change them: a model without I/O, for properties that must hold whatever
// happens. It carries actions out as the reconciler does, places tasks first fit, and notes what must never happen.
import { nextFleetActions } from '../../src/fleet/next-fleet-actions.js';
import type {
  FleetAction,
  FleetHost,
  FleetView,
  InstanceView,
  MachineRequest,
  MachineView,
  PoolView,
  Shortage,
} from '../../src/fleet/types.js';
import { demand, hostOfMachine, nowMs } from './fleet-view.js';

export type WorldEvent =
  | { readonly kind: 'submit'; readonly count: number; readonly cpuMillis: number }
  | { readonly kind: 'finish'; readonly nth: number }
  | { readonly kind: 'wait'; readonly seconds: number }
  /** An instance is ended by somebody else. */
  | { readonly kind: 'vanish'; readonly nth: number }
  | { readonly kind: 'interrupt'; readonly nth: number }
  | { readonly kind: 'noStock'; readonly seconds: number }
  /** The next launches happen, but nobody hears of it. */
  | { readonly kind: 'loseAnswers' }
  /** The next machine's agent never comes. */
  | { readonly kind: 'deaf' };

interface Task {
  readonly id: number;
  readonly cpuMillis: number;
  hostId: string | null;
}

interface Instance extends InstanceView {
  readonly machineId: string;
  readonly listedAtMs: number;
  readonly joinsAtMs: number;
}

const strayGraceMs = 600_000;

export class FleetWorld {
  now = nowMs;
  readonly endedWithTasks: string[] = [];
  /** Machines asked for beyond one a task that waits, and what the pool keeps. */
  boughtInVain = 0;
  private machines: MachineView[] = [];
  private readonly instances = new Map<string, Instance>();
  private readonly hosts = new Map<string, FleetHost>();
  private tasks: Task[] = [];
  private shortages: Shortage[] = [];
  private noStockUntilMs = 0;
  private losesAnswers = false;
  private nextIsDeaf = false;
  private number = 0;

  constructor(private readonly pool: PoolView) {}

  get present(): number {
    return this.machines.length;
  }

  get pendingTasks(): number {
    return this.tasks.filter(({ hostId }) => hostId === null).length;
  }

  get busyHosts(): number {
    return new Set(this.tasks.flatMap(({ hostId }) => hostId ?? [])).size;
  }

  /** Instances that run without a machine. */
  get strays(): string[] {
    const known = new Set(this.machines.map(({ id }) => id));
    return [...this.instances.values()].filter(({ state, machineId }) => state === 'running' && !known.has(machineId)).map(({ id }) => id);
  }

  happen(event: WorldEvent): void {
    switch (event.kind) {
      case 'submit':
        for (let i = 0; i < event.count; i++) this.tasks.push({ id: this.number++, cpuMillis: event.cpuMillis, hostId: null });
        break;
      case 'finish':
        this.tasks = this.tasks.filter((_, index) => index !== event.nth);
        break;
      case 'wait':
        this.now += event.seconds * 1000;
        break;
      case 'vanish':
        this.change(event.nth, { state: 'terminated' });
        break;
      case 'interrupt':
        this.change(event.nth, { interrupted: true });
        break;
      case 'noStock':
        this.noStockUntilMs = this.now + event.seconds * 1000;
        break;
      case 'loseAnswers':
        this.losesAnswers = true;
        break;
      case 'deaf':
        this.nextIsDeaf = true;
        break;
      default:
        event satisfies never;
    }
  }

  /** One pass of the reconciler, a second later; what is asked for twice in it must be idempotent. */
  step(): void {
    this.now += 1000;
    this.live();
    const actions = nextFleetActions(this.view(), strayGraceMs);
    const { minHosts, idleHosts } = this.pool.settings;
    const wanted = this.pendingTasks + minHosts + idleHosts;
    this.boughtInVain += Math.max(0, actions.filter(({ kind }) => kind === 'request').length - wanted);
    for (const action of actions) this.carryOut(action);
  }

  /** Lets a long quiet time pass. */
  settle(): void {
    for (let i = 0; i < 40; i++) {
      this.now += 120_000;
      this.step();
    }
  }

  private change(nth: number, change: Partial<Instance>): void {
    const running = [...this.instances.values()].filter(({ state }) => state === 'running');
    const one = running[nth % Math.max(1, running.length)];
    if (one) this.instances.set(one.id, { ...one, ...change });
  }

  /** Instances go as EC2 lets them, agents join, tasks of dead hosts wait again, and what fits is placed. */
  private live(): void {
    for (const instance of this.instances.values()) {
      const machine = this.machines.find(({ id }) => id === instance.machineId);
      const hostId = `h-${instance.machineId}`;
      if (instance.interrupted && instance.state === 'running') {
        if (this.hosts.has(hostId)) this.instances.set(instance.id, { ...instance, interrupted: false, state: 'terminated' });
      } else if (instance.state === 'running' && this.now >= instance.joinsAtMs && machine && !this.hosts.has(hostId)) {
        this.hosts.set(hostId, hostOfMachine({ ...machine, hostId }));
      }
      if (this.instances.get(instance.id)?.state !== 'running') this.lose(hostId);
    }
    for (const task of this.tasks) if (task.hostId === null) task.hostId = this.hostFor(task);
  }

  private lose(hostId: string): void {
    this.hosts.delete(hostId);
    for (const task of this.tasks) if (task.hostId === hostId) task.hostId = null;
  }

  private hostFor({ cpuMillis }: Task): string | null {
    const draining = new Set(this.machines.filter(({ state }) => state === 'draining' || state === 'ending').map(({ id }) => `h-${id}`));
    const used = (hostId: string) => this.tasks.reduce((sum, task) => sum + (task.hostId === hostId ? task.cpuMillis : 0), 0);
    const open = [...this.hosts].filter(([hostId]) => !draining.has(hostId));
    const busyFirst = open.sort(([a], [b]) => Number(used(b) > 0) - Number(used(a) > 0));
    return busyFirst.find(([hostId, { spec }]) => used(hostId) + cpuMillis <= spec.capacity.cpuMillis)?.[0] ?? null;
  }

  private view(): FleetView {
    const draining = new Set(this.machines.filter(({ state }) => state === 'draining').map(({ hostId }) => hostId));
    return {
      nowMs: this.now,
      pools: [this.pool],
      machines: this.machines.map((machine) => ({
        ...machine,
        hostId: this.hosts.has(`h-${machine.id}`) ? `h-${machine.id}` : machine.hostId,
      })),
      instances: [...this.instances.values()].filter(({ listedAtMs }) => this.now >= listedAtMs),
      hosts: [...this.hosts.values()].map((host) => ({ ...host, open: !draining.has(host.spec.id) })),
      held: this.tasks.flatMap(({ hostId, cpuMillis }) =>
        hostId === null ? [] : [{ ...demand(1, { cpuMillis }), hostId, movable: true }],
      ),
      pending: this.tasks.filter(({ hostId }) => hostId === null).map(({ cpuMillis }) => demand(1, { cpuMillis })),
      shortages: this.shortages,
    };
  }

  private carryOut(action: FleetAction): void {
    switch (action.kind) {
      case 'request':
        this.request(action);
        break;
      case 'launch':
        this.launch(action.machineId);
        break;
      case 'adopt':
        this.update(action.machineId, { state: 'launched', instanceId: action.instanceId, launchedAtMs: this.now });
        break;
      case 'join':
        this.update(action.machineId, { state: 'joined', hostId: action.hostId });
        break;
      case 'drain':
        // Here every task can be moved: it waits again, and goes elsewhere.
        for (const task of this.tasks) if (task.hostId === `h-${action.machineId}`) task.hostId = null;
        this.update(action.machineId, { state: 'draining', drainFinal: action.final, unneededSinceMs: null });
        break;
      case 'keep':
        this.update(action.machineId, { state: 'joined', unneededSinceMs: null });
        break;
      case 'unneeded':
        this.update(action.machineId, { unneededSinceMs: action.unneeded ? this.now : null });
        break;
      case 'end':
        if (this.tasks.some(({ hostId }) => hostId === `h-${action.machineId}`)) this.endedWithTasks.push(action.machineId);
        this.update(action.machineId, { state: 'ending', endingSinceMs: this.now });
        this.terminate(this.machines.find(({ id }) => id === action.machineId)?.instanceId ?? null);
        break;
      case 'terminate':
      case 'terminateStray':
        this.terminate(action.instanceId);
        break;
      case 'ended':
        this.machines = this.machines.filter(({ id }) => id !== action.machineId);
        break;
      default:
        action satisfies never;
    }
  }

  private request({ poolId, instanceType, zone, market }: MachineRequest): void {
    const id = `m${this.number++}`;
    const fresh = { instanceId: null, hostId: null, launchedAtMs: null, unneededSinceMs: null, drainFinal: false, endingSinceMs: null };
    this.machines.push({ id, poolId, state: 'requested', instanceType, zone, market, requestedAtMs: this.now, ...fresh });
    this.launch(id);
  }

  private launch(machineId: string): void {
    const machine = this.machines.find(({ id }) => id === machineId);
    if (!machine) return;
    const id = `i-${machineId}`;
    if (!this.instances.has(id)) {
      if (this.now < this.noStockUntilMs) {
        const { instanceType, zone, market } = machine;
        this.shortages.push({ instanceType, zone, market, untilMs: this.noStockUntilMs });
        this.machines = this.machines.filter((one) => one.id !== machineId);
        return;
      }
      const joinsAtMs = this.nextIsDeaf ? Number.POSITIVE_INFINITY : this.now + 20_000;
      this.nextIsDeaf = false;
      this.instances.set(id, {
        id,
        machineId,
        state: 'running',
        interrupted: false,
        launchedAtMs: this.now,
        listedAtMs: this.now + 5_000,
        joinsAtMs,
      });
    }
    if (this.losesAnswers) this.losesAnswers = false;
    else this.update(machineId, { state: 'launched', instanceId: id, launchedAtMs: this.now });
  }

  private terminate(instanceId: string | null): void {
    const instance = instanceId === null ? undefined : this.instances.get(instanceId);
    if (instance) this.instances.set(instance.id, { ...instance, state: 'terminated' });
  }

  private update(machineId: string, change: Partial<MachineView>): void {
    this.machines = this.machines.map((machine) => (machine.id === machineId ? { ...machine, ...change } : machine));
  }
}
