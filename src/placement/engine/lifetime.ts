// What a task's age says about how much longer it will run: of tasks of unknown length most end within minutes, and those
// that don't tend to stay. Whoever drives the engine sends `expect` when a task reaches one of these ages.
import type { Lifetime } from './types.js';

/** Ages in seconds from which a task counts as 1, 2 and 3. Chosen on Azure's public trace; docs/placement.md has the figures. */
export const lifetimeAgesS: readonly number[] = [1800, 10_800, 43_200];

export function lifetimeAt(ageS: number): Lifetime {
  return lifetimeAgesS.filter((age) => ageS >= age).length as Lifetime;
}
