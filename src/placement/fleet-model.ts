// The fleet in memory, as the database has it: hosts and what is on them in the engine, what waits in its queue. Rows go in,
// plans come out. The same rows twice change nothing, so whoever feeds it may repeat itself. Pure; live-engine feeds it.
import type { HostId, PendingReason, TaskId } from '@berth/contract';
import { Allowances } from './allowances.js';
import { Dispatch, type Submission } from './engine/dispatch.js';
import { Engine } from './engine/engine.js';
import { lifetimeAt } from './engine/lifetime.js';
import type { Lifetime, Placement, PlaceRequest } from './engine/types.js';
import { Evictions } from './evictions.js';
import type { CapacityGroupRow, FleetChanges, HostRow, TaskRow, TenantWeightRow } from './fleet.js';
import { HostImages } from './host-images.js';
import { closedBecause, hostSpecOf } from './host-spec.js';
import { gangReason } from './pending-reason.js';
import { placedInWords } from './placed-in-words.js';
import type { Decision, Eviction, Plan } from './plan.js';
import { TaskShapes } from './task-shapes.js';
import { VolumeLedger } from './volume-ledger.js';
import { newVolumesMiB, type VolumeHomes, writtenByOthers } from './volume-needs.js';

/** A task on its host. */
interface Held {
  readonly row: TaskRow;
  /** When it was placed, by the clock of whoever feeds the model. */
  readonly placedAtS: number;
}

const perTenant = 1000;

export class FleetModel {
  readonly engine = new Engine();
  readonly dispatch = new Dispatch(this.engine);
  readonly hosts = new Map<HostId, HostRow>();
  /** Grows with every change. */
  version = 0;
  /** Tasks without a host, in the order of arrival; those that wait for others to leave are among them. */
  readonly pending = new Map<TaskId, TaskRow>();
  readonly shapes: TaskShapes;
  readonly allowances = new Allowances(this.engine);
  private readonly held = new Map<TaskId, Held>();
  private readonly onHost = new Map<HostId, Set<TaskId>>();
  private readonly evictions = new Evictions();
  private readonly volumes = new VolumeLedger();
  /** Of those that wait: they go where their volumes are, so they wait for that and not in the queue. */
  private readonly volumeUsers = new Set<TaskId>();
  /** Decided, but for the commit. */
  private ready: Decision[] = [];
  private readonly groupOfTenant: ReadonlyMap<string, string>;
  private readonly capacityGroups: string;

  private weights: readonly TenantWeightRow[] = [];

  constructor(
    capacityGroups: readonly CapacityGroupRow[],
    private readonly images = new HostImages(),
  ) {
    this.capacityGroups = JSON.stringify(capacityGroups);
    this.groupOfTenant = new Map(capacityGroups.flatMap(({ id, tenants }) => tenants.map((tenant) => [tenant, id] as const)));
    this.shapes = new TaskShapes((tenantId) => this.groupOfTenant.get(tenantId));
    for (const { id, cpuMillis, memoryMiB, gpus } of capacityGroups)
      this.engine.apply({ kind: 'reserve', group: id, size: { cpuMillis, memoryMiB, gpuMillis: gpus * 1000 } });
  }

  /** Whether changes can be applied to it; if not, it has to be made anew of the whole fleet. */
  takes({ capacityGroups }: Pick<FleetChanges, 'capacityGroups'>): boolean {
    return JSON.stringify(capacityGroups) === this.capacityGroups;
  }

  get heldCount(): number {
    return this.held.size;
  }

  /** The share of each tenant, when many wait, is by its weight. */
  weigh(weights: readonly TenantWeightRow[]): void {
    for (const { tenantId } of this.weights) this.dispatch.fairness.setWeight(tenantId, 1);
    for (const { tenantId, weight } of weights) this.dispatch.fairness.setWeight(tenantId, weight);
    this.weights = weights;
  }

  apply({ hosts, tasks, volumes }: Pick<FleetChanges, 'hosts' | 'tasks' | 'volumes'>, nowS: number): void {
    if (hosts.length + tasks.length + volumes.length > 0) this.version++;
    for (const row of volumes) for (const hostId of this.volumes.apply(row)) this.resizeDisk(hostId);
    for (const host of hosts) this.applyHost(host);
    if (hosts.length > 0) this.dispatch.fairness.setTotals(this.engine.world.hosts.totals());
    for (const row of tasks) for (const tag of this.shapes.seek(row)) this.relabel(row.tenantId, tag.key, tag.value);
    const arrived: TaskRow[] = [];
    for (const row of tasks) {
      if (row.state === 'stopped' || (row.state === 'pending' && row.stopping)) this.forget(row.id);
      else if (row.state === 'pending') arrived.push(row);
      else this.hold(row, nowS);
    }
    this.submit(arrived.filter(({ id }) => !this.pending.has(id)));
  }

  /** Decides for about `enough` of those that wait. What is decided holds in the model until `settle` says what came of it. */
  plan(enough: number): Plan {
    const placed = this.ready;
    this.ready = [];
    const evicting = new Map<Submission, { decisions: Decision[]; victims: TaskId[] }>();
    const bySubmission = new Map<Submission, Decision[]>();
    this.dispatch.pass(perTenant, enough, (placement, submission) => {
      const decisions = bySubmission.get(submission) ?? [];
      bySubmission.set(submission, decisions);
      decisions.push(this.decisionOf(placement));
      if (placement.victims.length === 0) return;
      const eviction = evicting.get(submission) ?? { decisions, victims: [] };
      evicting.set(submission, eviction);
      eviction.victims.push(...(placement.victims as TaskId[]));
    });
    placed.push(...this.planVolumeUsers());
    for (const [submission, decisions] of bySubmission) if (!evicting.has(submission)) placed.push(...decisions);
    for (const eviction of evicting.values()) this.evict(eviction);
    return { placed, evictions: [...evicting.values()] };
  }

  /** What the database made of decisions. @returns the tasks and hosts that are not as was thought: read them again. */
  settle(decisions: readonly Decision[], accepted: ReadonlySet<TaskId>, nowS: number): { tasks: TaskId[]; hosts: HostId[] } {
    this.version++;
    const refused = decisions.filter(({ taskId }) => !accepted.has(taskId));
    for (const { taskId, hostId } of decisions) {
      const row = this.pending.get(taskId);
      this.pending.delete(taskId);
      if (!accepted.has(taskId)) {
        this.dispatch.ended(taskId);
        if (row) this.volumes.leave(taskId, this.shapes.needsOf(row.needs).volumes);
      } else if (row) this.note({ ...row, state: 'placed', hostId, ageS: 0 }, nowS);
    }
    return { tasks: refused.map(({ taskId }) => taskId), hosts: [...new Set(refused.map(({ hostId }) => hostId))] };
  }

  /** Expects longer lives of tasks that have become older. */
  grow(nowS: number): void {
    for (const [id, { placedAtS }] of this.held) this.expect(id, nowS - placedAtS);
  }

  /** Whether the task is decided and waits for others to leave; their number, or null. */
  waitsFor(taskId: TaskId): number | null {
    return this.evictions.of(taskId)?.victims.size ?? null;
  }

  /** @returns null unless the task waits with others of its gang. */
  gangReasonOf({ gang }: TaskRow): PendingReason | null {
    if (!gang) return null;
    let waiting = 0;
    for (const row of this.pending.values()) if (row.gang?.id === gang.id) waiting++;
    return waiting > 1 ? gangReason(Math.min(gang.min, waiting), waiting) : null;
  }

  tasksOn(hostId: HostId): ReadonlySet<TaskId> {
    return this.onHost.get(hostId) ?? new Set();
  }

  heldTask(taskId: TaskId): TaskRow | undefined {
    return this.held.get(taskId)?.row;
  }

  private applyHost(row: HostRow): void {
    const { engine } = this;
    const before = this.hosts.get(row.id);
    const isUp = engine.world.hosts.handle(row.id) >= 0;
    if (row.state === 'lost') {
      this.hosts.delete(row.id);
      this.images.forget(row.id);
      if (isUp) this.submit(this.takeDown(row.id));
      return;
    }
    this.hosts.set(row.id, row);
    const spec = hostSpecOf(row, this.volumes.heldMiB(row.id));
    if (!isUp || JSON.stringify(engine.world.hosts.specs[engine.world.hosts.handle(row.id)]) !== JSON.stringify(spec)) {
      const tasks = isUp ? this.takeDown(row.id) : [];
      engine.apply({ kind: 'hostUp', host: spec });
      for (const image of this.images.of(row.id)) engine.apply({ kind: 'image', host: row.id, image, present: true });
      for (const id of [...this.tasksOn(row.id)]) this.readopt(id);
      this.submit(tasks);
    }
    if (before === undefined || closedBecause(before) !== closedBecause(row) || !isUp)
      engine.apply({ kind: closedBecause(row) === null ? 'undrain' : 'drain', host: row.id });
  }

  /** Takes the host out of the engine. @returns those that were to come to it: they have to be decided for again. */
  private takeDown(hostId: HostId): TaskRow[] {
    for (const id of this.tasksOn(hostId)) this.dispatch.ended(id);
    const coming = this.evictions.dropHost(hostId);
    for (const { taskId } of coming) this.dispatch.ended(taskId);
    this.engine.apply({ kind: 'hostDown', host: hostId });
    return coming.flatMap(({ taskId }) => {
      const row = this.pending.get(taskId);
      this.pending.delete(taskId);
      return row ?? [];
    });
  }

  private resizeDisk(hostId: HostId): void {
    const row = this.hosts.get(hostId);
    if (row) this.applyHost(row);
  }

  /** In their order, each tried at every plan: there are few of them. */
  private planVolumeUsers(): Decision[] {
    const decisions: Decision[] = [];
    for (const id of this.volumeUsers) {
      const row = this.pending.get(id) as TaskRow;
      const { volumes = [] } = this.shapes.needsOf(row.needs);
      if (!this.canHaveVolumes(row)) continue;
      const placement = this.engine.place({ ...this.askingOf(row), preempt: false });
      if (!placement.placed) continue;
      this.engine.release(id);
      const hostId = placement.host as HostId;
      this.volumes.settle(volumes, hostId);
      this.volumes.write(id, volumes);
      this.resizeDisk(hostId);
      this.dispatch.adopt(row.tenantId, this.shapes.requestOf(row), hostId);
      this.volumeUsers.delete(id);
      decisions.push(this.decision(id, hostId));
    }
    return decisions;
  }

  /** They are on one host, and nobody else writes those that it wants to write. */
  canHaveVolumes(row: TaskRow): boolean {
    const homes = this.homesOf(row);
    const hosts = new Set([...homes.values()].map(({ hostId }) => hostId));
    return hosts.size <= 1 && writtenByOthers(homes, this.shapes.needsOf(row.needs).volumes).length === 0;
  }

  /** What a task that waits asks of its host now: if it has volumes, to be theirs, and to have room for new ones. */
  askingOf(row: TaskRow): PlaceRequest {
    const request = this.shapes.requestOf(row);
    const { volumes } = this.shapes.needsOf(row.needs);
    if (!volumes) return request;
    const homes = this.homesOf(row);
    const { size } = request.shape;
    const shape = { ...request.shape, size: { ...size, diskMiB: (size.diskMiB ?? 0) + newVolumesMiB(homes, volumes) } };
    const [home] = homes.values();
    return { ...request, shape, ...(home === undefined ? {} : { pin: { host: home.hostId } }) };
  }

  /** Of the volumes that a task uses. */
  homesOf(row: TaskRow): VolumeHomes {
    return this.volumes.homesOf(this.shapes.needsOf(row.needs).volumes ?? [], this.hosts);
  }

  private hold(row: TaskRow, nowS: number): void {
    if (this.pending.has(row.id)) this.withdraw(row.id);
    const before = this.held.get(row.id)?.row;
    this.note(row, nowS);
    if (before && sameHold(before, row)) return;
    if (before) {
      this.dispatch.ended(row.id);
      if (before.hostId !== row.hostId) this.leaveHost(row.id, before.hostId);
    }
    this.readopt(row.id);
    this.expect(row.id, row.ageS);
  }

  private note(row: TaskRow, nowS: number): void {
    this.held.set(row.id, { row, placedAtS: nowS - row.ageS });
    this.volumes.write(row.id, this.shapes.needsOf(row.needs).volumes);
    if (row.stopping && row.replacedBy && row.hostId) this.evictions.note(row.replacedBy, row.hostId, row.id);
    this.allowances.note(row);
    if (row.hostId === null) return;
    this.noteImage(row.hostId, this.shapes.needsOf(row.needs).image);
    const tasks = this.onHost.get(row.hostId);
    if (tasks) tasks.add(row.id);
    else this.onHost.set(row.hostId, new Set([row.id]));
  }

  private noteImage(host: HostId, image: string | undefined): void {
    if (image === undefined) return;
    const { isNew, dropped } = this.images.note(host, image);
    if (this.engine.world.hosts.handle(host) < 0) return;
    if (isNew) this.engine.apply({ kind: 'image', host, image, present: true });
    if (dropped !== null) this.engine.apply({ kind: 'image', host, image: dropped, present: false });
  }

  private readopt(id: TaskId): void {
    const row = this.held.get(id)?.row;
    if (row?.hostId) this.dispatch.adopt(row.tenantId, this.shapes.requestOf(row), row.hostId);
  }

  private expect(id: TaskId, ageS: number): void {
    const { tasks } = this.engine.world;
    const handle = tasks.handle(id);
    const lifetime: Lifetime = lifetimeAt(ageS);
    if (handle >= 0 && tasks.lifetime[handle] !== lifetime) this.engine.apply({ kind: 'expect', task: id, lifetime });
  }

  private leaveHost(id: TaskId, hostId: HostId | null): void {
    const tasks = hostId && this.onHost.get(hostId);
    if (!tasks) return;
    tasks.delete(id);
    if (tasks.size === 0) this.onHost.delete(hostId);
  }

  /** The task has ended, or is not wanted any more. */
  private forget(id: TaskId): void {
    if (this.pending.has(id)) this.withdraw(id);
    const held = this.held.get(id);
    if (!held) return;
    this.held.delete(id);
    this.allowances.forget(id);
    this.volumes.leave(id, this.shapes.needsOf(held.row.needs).volumes);
    this.leaveHost(id, held.row.hostId);
    this.dispatch.ended(id);
    this.ready.push(...this.evictions.left(id));
  }

  private withdraw(id: TaskId): void {
    const row = this.pending.get(id);
    this.pending.delete(id);
    if (!row) return;
    this.evictions.drop(id);
    this.volumeUsers.delete(id);
    this.volumes.leave(id, this.shapes.needsOf(row.needs).volumes);
    this.ready = this.ready.filter(({ taskId }) => taskId !== id);
    this.dispatch.ended(id);
    for (const other of this.dispatch.withdraw(row.tenantId, id) ?? []) this.resubmit(other as TaskId);
  }

  private resubmit(id: TaskId): void {
    const row = this.pending.get(id);
    this.pending.delete(id);
    if (row) this.submit([row]);
  }

  /** Those of a gang arrive together. */
  private submit(rows: readonly TaskRow[]): void {
    const gangs = new Map<string, TaskRow[]>();
    for (const row of rows) {
      this.pending.set(row.id, row);
      if (this.returns(row)) continue;
      if (this.shapes.needsOf(row.needs).volumes) {
        this.volumeUsers.add(row.id);
        continue;
      }
      const gang = row.gang ? (gangs.get(row.gang.id) ?? []) : [];
      gang.push(row);
      gangs.set(row.gang?.id ?? row.id, gang);
    }
    for (const gang of gangs.values()) {
      const [first] = gang as [TaskRow];
      // Of a gang of which some have run already, fewer than its least number may be left.
      const min = Math.min(first.gang?.min ?? 1, gang.length);
      this.dispatch.submit({ tenant: first.tenantId, requests: gang.map((row) => this.shapes.requestOf(row)), min });
    }
  }

  /** A leader before this one has made others leave for the task: it keeps the host. */
  private returns(row: TaskRow): boolean {
    const eviction = this.evictions.promisedTo(row.id);
    if (!eviction || !this.dispatch.adopt(row.tenantId, this.shapes.requestOf(row), eviction.hostId)) return false;
    this.evictions.keep(row.id, this.decision(row.id, eviction.hostId));
    return true;
  }

  /** Tasks that carry a tag which a rule names from now on are counted by it. */
  private relabel(tenantId: string, key: string, value: string): void {
    const carries = (row: TaskRow) => row.tenantId === tenantId && row.tags !== null && row.tags[key] === value;
    for (const [id, { row }] of this.held) {
      if (!carries(row)) continue;
      this.dispatch.ended(id);
      this.readopt(id);
    }
    for (const row of [...this.pending.values()]) {
      if (!carries(row) || this.evictions.of(row.id)) continue;
      this.withdraw(row.id);
      this.submit([row]);
    }
  }

  private evict({ decisions, victims }: Eviction): void {
    this.evictions.begin(decisions, victims);
    // Until they have left they hold what they hold, and nobody else can make them leave.
    for (const id of victims) {
      const held = this.held.get(id);
      if (!held) continue;
      this.held.set(id, { ...held, row: { ...held.row, stopping: true } });
      this.readopt(id);
    }
  }

  private decisionOf(placement: Extract<Placement, { placed: true }>): Decision {
    return this.decision(placement.task as TaskId, placement.host as HostId);
  }

  private decision(taskId: TaskId, hostId: HostId): Decision {
    const row = this.pending.get(taskId);
    return {
      taskId,
      hostId,
      roomVersion: this.hosts.get(hostId)?.roomVersion ?? 0,
      placement: row ? placedInWords(this.engine.world, this.shapes.requestOf(row), hostId) : '',
      gangId: row?.gang?.id ?? null,
    };
  }
}

function sameHold(a: TaskRow, b: TaskRow): boolean {
  return (
    a.hostId === b.hostId && a.cpuMillis === b.cpuMillis && a.memoryMiB === b.memoryMiB && a.needs === b.needs && a.stopping === b.stopping
  );
}
