// Finds handles by id. A table of plain integers instead of a Map, whose bookkeeping was a third of a decision's time:
// open addressing, linear probing, at most half full, no tombstones.
import { at, type Column, grown, widened } from './columns.js';

const start = 1024;

export class IdTable {
  private slots: Column = new Int32Array(start).fill(-1);
  private hashes: Column = new Int32Array(start);
  private used = 0;
  /** The last id looked for and its hash: an id that isn't there is usually added next. */
  private lastId = '';
  private lastHash = hashOf('');

  /** Ids by handle. One that was deleted stays readable until its handle is given out again. */
  ids: string[] = new Array<string>(start);

  get size(): number {
    return this.used;
  }

  /** @returns the handle, or −1. */
  find(id: string): number {
    const hash = this.hash(id);
    const mask = this.slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const handle = at(this.slots, slot);
      if (handle < 0 || (at(this.hashes, handle) === hash && this.ids[handle] === id)) return handle;
    }
  }

  /** The id must not be in the table. */
  add(id: string, handle: number): void {
    if (this.used * 2 >= this.slots.length) this.grow();
    if (handle >= this.hashes.length) this.widen(handle + 1);
    this.ids[handle] = id;
    this.hashes[handle] = this.hash(id);
    this.insert(handle);
    this.used++;
  }

  /** Closes the gap by moving later entries of the run forward, so that no search stops too early. */
  delete(handle: number): void {
    const mask = this.slots.length - 1;
    let gap = at(this.hashes, handle) & mask;
    while (at(this.slots, gap) !== handle) gap = (gap + 1) & mask;
    this.slots[gap] = -1;
    this.used--;
    for (let slot = (gap + 1) & mask; at(this.slots, slot) >= 0; slot = (slot + 1) & mask) {
      const home = at(this.hashes, at(this.slots, slot)) & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      this.slots[gap] = at(this.slots, slot);
      this.slots[slot] = -1;
      gap = slot;
    }
  }

  private hash(id: string): number {
    if (id === this.lastId) return this.lastHash;
    this.lastId = id;
    this.lastHash = hashOf(id);
    return this.lastHash;
  }

  private insert(handle: number): void {
    const mask = this.slots.length - 1;
    let slot = at(this.hashes, handle) & mask;
    while (at(this.slots, slot) >= 0) slot = (slot + 1) & mask;
    this.slots[slot] = handle;
  }

  private widen(least: number): void {
    const rows = Math.max(least, this.hashes.length * 2);
    this.hashes = grown(this.hashes, rows);
    this.ids = widened(this.ids, rows);
  }

  private grow(): void {
    const before = this.slots;
    this.slots = new Int32Array(before.length * 2).fill(-1);
    for (const handle of before) if (handle >= 0) this.insert(handle);
  }
}

/** FNV-1a, with its high bits folded into the low ones that choose the slot. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return hash ^ (hash >>> 15);
}
