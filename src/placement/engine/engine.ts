// The placement engine: commands in, decisions out. Synchronous, without clock, randomness or I/O: the same commands give
// the same decisions, bit by bit, so that replaying their log is the recovery, the standby and the test.
import { at } from './columns.js';
import type { Group } from './groups.js';
import { deviceNumbers } from './holdings.js';
import { hostDown, hostUp, setDraining, setImage } from './host-commands.js';
import { expect, occupy, vacate } from './occupancy.js';
import { bestOf } from './oracle.js';
import { cheapestEviction } from './preempt.js';
import { Search } from './search.js';
import type { Shape } from './shape.js';
import type { Command, Lifetime, Outcome, Placement, PlaceRequest, Refusal } from './types.js';
import { budgetOf } from './victims.js';
import { World } from './world.js';

const none: readonly string[] = [];

export class Engine {
  readonly world = new World();
  readonly search = new Search(this.world, this.world.open);

  /** Carries out one command of a log. @throws RangeError if it contradicts the state, which a true log never does. */
  apply(command: Command): Outcome {
    switch (command.kind) {
      case 'place':
        return { placements: [this.place(command.request)], tasks: none };
      case 'placeGang':
        return { placements: this.placeGang(command.requests, command.min), tasks: none };
      case 'release':
        return { placements: [], tasks: this.release(command.task) ? [command.task] : none };
      case 'hostDown':
        return { placements: [], tasks: hostDown(this.world, command.host) };
      case 'adopt':
        this.adopt(command.request, command.host);
        return { placements: [], tasks: none };
      default:
        this.note(command);
        return { placements: [], tasks: none };
    }
  }

  /** Puts the task on the best host, evicting others if it may and must. */
  place(request: PlaceRequest): Placement {
    const { world } = this;
    const shape = world.shapes.of(request.shape);
    if (world.tasks.handle(request.task) >= 0) return refused(request, 'duplicate');
    const refusal = world.capacity.refuses(shape);
    if (refusal) return refused(request, refusal);
    const group = request.group === undefined ? undefined : world.groups.of(request.group);
    const host = this.choose(request, shape, group);
    if (host >= 0) return this.settle(request, shape, group, host, none);
    const eviction = request.preempt ? cheapestEviction(world, shape, group, request.pin) : null;
    if (eviction)
      return this.settle(
        request,
        shape,
        group,
        eviction.host,
        eviction.victims.map((victim) => this.evict(victim)),
      );
    if (group) world.groups.keep(group);
    return refused(request, 'no-host');
  }

  /** Places all, or at least `min`, or none. */
  placeGang(requests: readonly PlaceRequest[], min: number): Placement[] {
    const placements: Placement[] = [];
    let failures = 0;
    const kept = this.world.undo.attempt(() => {
      for (const request of requests) {
        const placement = this.place(request);
        placements.push(placement);
        if (!placement.placed && ++failures > requests.length - min) return false;
      }
      return true;
    });
    return kept ? placements : requests.map((request, i) => ungrouped(request, placements[i]));
  }

  /**
   * Notes a task that is on a host already, whether it fits there or not.
   * @returns false if the host is not up or the task has a place.
   */
  adopt(request: PlaceRequest, hostId: string): boolean {
    const { world } = this;
    const host = world.hosts.handle(hostId);
    if (host < 0 || world.tasks.handle(request.task) >= 0) return false;
    const group = request.group === undefined ? undefined : world.groups.of(request.group);
    occupy(world, request.task, world.shapes.of(request.shape), group, host);
    return true;
  }

  /** @returns whether the task held a place. */
  release(id: string): boolean {
    const task = this.world.tasks.handle(id);
    if (task < 0) return false;
    vacate(this.world, task);
    return true;
  }

  /** What the commands would do, without doing it. */
  simulate(commands: readonly Command[]): Outcome[] {
    let outcomes: Outcome[] = [];
    this.world.undo.attempt(() => {
      outcomes = commands.map((command) => this.apply(command));
      return false;
    });
    return outcomes;
  }

  /** Does what `body` does and keeps it if that returns true; else all of it is taken back. */
  attempt(body: () => boolean): boolean {
    return this.world.undo.attempt(body);
  }

  private note(command: Exclude<Command, { kind: 'place' | 'placeGang' | 'adopt' | 'release' | 'hostDown' }>): void {
    const { world } = this;
    if (command.kind === 'hostUp') hostUp(world, command.host);
    else if (command.kind === 'image') setImage(world, command.host, command.image, command.present);
    else if (command.kind === 'expect') this.expect(command.task, command.lifetime);
    else if (command.kind === 'reserve') this.undoable(world.capacity.reserve(command.group, command.size));
    else if (command.kind === 'budget') this.setBudget(world.groups.of(command.group), command.evictions);
    else setDraining(world, command.host, command.kind === 'drain');
  }

  private choose(request: PlaceRequest, shape: Shape, group: Group | undefined): number {
    const { world } = this;
    const { pin } = request;
    if (pin?.host !== undefined) return bestOf(world, shape, group, pin, [world.hosts.handle(pin.host)]);
    const meetingPoints = shape.seeksOnHost.length > 0 ? world.labels.meetingPoints(shape) : null;
    if (meetingPoints) return bestOf(world, shape, group, pin, meetingPoints);
    return this.search.find(shape, group, pin);
  }

  private settle(request: PlaceRequest, shape: Shape, group: Group | undefined, host: number, victims: readonly string[]): Placement {
    const task = occupy(this.world, request.task, shape, group, host);
    const bits = at(this.world.tasks.devices, task);
    return {
      placed: true,
      task: request.task,
      host: this.world.hosts.id(host),
      devices: bits === 0 ? noDevices : deviceNumbers(bits),
      victims,
    };
  }

  private evict(victim: number): string {
    const { tasks } = this.world;
    const group = budgetOf(this.world, victim);
    if (group && group.evictions !== Number.MAX_SAFE_INTEGER) this.setBudget(group, group.evictions - 1);
    vacate(this.world, victim);
    return tasks.ids[victim] as string;
  }

  private expect(id: string, lifetime: Lifetime): void {
    const task = this.world.tasks.handle(id);
    if (task >= 0) expect(this.world, task, lifetime);
  }

  private setBudget(group: Group, evictions: number): void {
    const before = group.evictions;
    group.evictions = evictions;
    this.world.groups.keep(group);
    this.undoable(() => {
      group.evictions = before;
      this.world.groups.keep(group);
    });
  }

  private undoable(inverse: () => void): void {
    if (this.world.undo.recording) this.world.undo.push(inverse);
  }
}

const noDevices: readonly number[] = [];

function refused(request: PlaceRequest, reason: Refusal): Placement {
  return { placed: false, task: request.task, reason };
}

/** In a gang that failed, those that could have been placed were refused for the others' sake. */
function ungrouped(request: PlaceRequest, placement: Placement | undefined): Placement {
  return placement && !placement.placed ? placement : refused(request, 'gang');
}
