// What is publicly known to be wrong with versions of crun, and what of ours stands in the way of it. Said in the
// agent's log at start. A fault that nothing of ours covers keeps the agent from starting.

interface CrunFault {
  readonly cve: string;
  readonly what: string;
  /** From this version on (inclusive); null: from the first. */
  readonly since: string | null;
  /** The first version without it; null: none yet. */
  readonly fixedIn: string | null;
  /** What makes it harmless here; null: nothing does. */
  readonly coveredBy: string | null;
}

export const crunFaults: readonly CrunFault[] = [
  {
    cve: 'CVE-2019-18837',
    what: 'an image leads mounts out of its root file system by links',
    since: null,
    fixedIn: '0.10.5',
    coveredBy: null,
  },
  {
    cve: 'CVE-2022-27650',
    what: 'processes begin with inheritable capabilities',
    since: null,
    fixedIn: '1.4.4',
    coveredBy: 'every bundle and exec names an empty inheritable set, and lets nobody gain privileges',
  },
  {
    cve: 'CVE-2025-24965',
    what: 'the krun handler writes a file through a link in the image',
    since: null,
    fixedIn: '1.20',
    coveredBy: 'no bundle has the annotation that asks for a handler',
  },
  {
    cve: 'CVE-2026-30892',
    what: '"crun exec --user 1" runs as root',
    since: '1.19',
    fixedIn: '1.27',
    coveredBy: 'exec hands over a whole process description, never --user',
  },
  {
    cve: 'CVE-2026-47766',
    what: 'device nodes are made on the host if an image has a link in place of /dev',
    since: null,
    fixedIn: '1.28',
    coveredBy: 'every bundle has a tmpfs on /dev, and images with such a link are refused',
  },
  {
    cve: 'CVE-2026-88264, CVE-2026-88265',
    what: '/dev/console and /dev/null are followed to files of the host',
    since: null,
    fixedIn: null,
    coveredBy: 'every bundle has a tmpfs on /dev, and images with a link in its place are refused',
  },
];

/** Those of this version. One that can't be read counts as the oldest. */
export function faultsOfCrun(version: string): CrunFault[] {
  return crunFaults.filter(
    ({ since, fixedIn }) => (since === null || !isOlder(version, since)) && (fixedIn === null || isOlder(version, fixedIn)),
  );
}

/**
 * @returns a sentence for the log, or null if there is nothing to say.
 * @throws Error if something is wrong with this version that nothing here covers.
 */
export function crunWarning(version: string): string | null {
  const found = faultsOfCrun(version);
  const open = found.filter(({ coveredBy }) => coveredBy === null);
  if (open.length > 0) {
    const names = open.map(({ cve, what, fixedIn }) => `${cve} (${what}; fixed in ${fixedIn})`).join(', ');
    throw new Error(`crun ${version} has ${names}, which lets tasks out. Install a newer crun.`);
  }
  if (found.length === 0) return null;
  const names = found.map(({ cve, what, coveredBy }) => `${cve} (${what}; harmless here: ${coveredBy})`);
  return `crun ${version} has known faults: ${names.join(', ')}.`;
}

function isOlder(version: string, than: string): boolean {
  const [a, b] = [numbersOf(version), numbersOf(than)];
  const at = [0, 1, 2].find((index) => (a[index] ?? 0) !== (b[index] ?? 0));
  return at !== undefined && (a[at] ?? 0) < (b[at] ?? 0);
}

function numbersOf(version: string): number[] {
  return (/^\d+(\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number);
}
