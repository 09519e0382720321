// The seccomp filter as the program that the kernel takes. crun makes it of the profile for each container, which is a
// sixth of its work, and leaves it in the container's state: the next containers with the same profile are given that.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What crun knows it by. Whether a bundle has it or not, its profile stays in it. */
const annotation = 'run.oci.seccomp_bpf_data';
const instructionBytes = 8;
/** Definitions can't make profiles, so there are few. */
const profilesAtMost = 16;

export interface CompiledFilters {
  /** The annotations that spare crun the work; none before the first container with this profile. */
  annotationsFor(profile: object): Readonly<Record<string, string>>;
  /** To be called when crun has made a container with this profile. @param state its directory in crun's root. */
  keep(profile: object, state: string): void;
}

export function compiledFilters(): CompiledFilters {
  const known = new Map<string, string>();
  const keyOf = (profile: object) => JSON.stringify(profile);
  return {
    annotationsFor: (profile) => {
      const filter = known.get(keyOf(profile));
      const none: Record<string, string> = {};
      return filter === undefined ? none : { [annotation]: filter };
    },
    keep: (profile, state) => {
      if (known.size >= profilesAtMost || known.has(keyOf(profile))) return;
      const filter = readFilter(join(state, 'seccomp.bpf'));
      if (filter) known.set(keyOf(profile), filter.toString('base64'));
    },
  };
}

/** Null where crun has left none, as other versions may. */
function readFilter(file: string): Buffer | null {
  try {
    const filter = readFileSync(file);
    return filter.length > 0 && filter.length % instructionBytes === 0 ? filter : null;
  } catch {
    return null;
  }
}
