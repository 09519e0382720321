// When which signing key is used, from the clock alone: time is cut into slots, each with a key of its own. All replicas
// agree without talking, and a key is published for a whole slot before it signs and for a whole slot after.
const dayMs = 24 * 60 * 60 * 1000;
export const slotMs = 30 * dayMs;

/** The slot whose key signs at this time. */
export function slotAt(nowMs: number): number {
  return Math.floor(nowMs / slotMs);
}

/** The slots whose public keys are to be found at this time, oldest first. */
export function publishedSlots(nowMs: number): number[] {
  const slot = slotAt(nowMs);
  return [slot - 1, slot, slot + 1];
}
