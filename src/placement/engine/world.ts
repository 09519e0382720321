// The engine's whole state in one place, so that search, oracle and explanation read the same and nothing else.
import { Capacity } from './capacity.js';
import { Groups } from './groups.js';
import { Devices, Images, Ports } from './holdings.js';
import { HostIndex } from './host-index.js';
import { Hosts } from './hosts.js';
import { Labels } from './labels.js';
import { Pools } from './pools.js';
import { Shapes } from './shape.js';
import { Tasks } from './tasks.js';
import { UndoLog } from './undo.js';

export class World {
  readonly undo = new UndoLog();
  readonly hosts = new Hosts();
  readonly tasks = new Tasks();
  readonly pools = new Pools();
  readonly groups = new Groups();
  readonly labels = new Labels();
  readonly ports = new Ports();
  readonly devices = new Devices();
  readonly images = new Images();
  readonly capacity = new Capacity();
  readonly shapes = new Shapes(this.labels);
  readonly open = new HostIndex(this.hosts, this.pools, this.undo, this.hosts.free);
  readonly reclaimable = new HostIndex(this.hosts, this.pools, this.undo, this.hosts.reach);
  /** Pools that got capacity back since somebody last took the set: whoever waits there is worth another try. */
  readonly freed = new Set<number>();
}
