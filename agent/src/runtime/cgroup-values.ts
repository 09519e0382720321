// What a limit is called in each version of cgroups, and how its number is written. Pure.
export type CgroupVersion = 'v1' | 'v2';

export interface Limits {
  readonly cpuMillis: number | null;
  readonly memoryMiB: number | null;
  readonly pids: number | null;
  /** cpuMillis is a share of what there is, and no limit. */
  readonly cpuBurst?: boolean;
  /** 10–1000; 100 is what every group has to begin with. */
  readonly blockIoWeight?: number | null;
}

export interface Setting {
  /** The v1 hierarchy it belongs to; v2 has one for all. */
  readonly controller: 'cpu' | 'memory' | 'pids' | 'blkio';
  readonly file: string;
  readonly value: string;
  /** Missing where the kernel was built or booted without it (swap accounting, weights of disks). */
  readonly optional?: boolean;
}

const periodUs = 100_000;
const smallestQuotaUs = 1000;
const bytesPerMiB = 1024 * 1024;

/** Settings in the order in which they must be written: memory before memory with swap. */
export function settingsFor(version: CgroupVersion, limits: Limits): Setting[] {
  return version === 'v1' ? settingsV1(limits) : settingsV2(limits);
}

function settingsV1({ cpuMillis, memoryMiB, pids, cpuBurst = false, blockIoWeight = null }: Limits): Setting[] {
  const settings: Setting[] = [];
  if (cpuMillis !== null) {
    settings.push(
      { controller: 'cpu', file: 'cpu.cfs_period_us', value: String(periodUs) },
      { controller: 'cpu', file: 'cpu.cfs_quota_us', value: cpuBurst ? '-1' : String(quotaUs(cpuMillis)) },
      { controller: 'cpu', file: 'cpu.shares', value: String(sharesOf(cpuMillis)) },
    );
  }
  if (memoryMiB !== null) {
    const bytes = String(memoryMiB * bytesPerMiB);
    settings.push(
      { controller: 'memory', file: 'memory.limit_in_bytes', value: bytes },
      { controller: 'memory', file: 'memory.memsw.limit_in_bytes', value: bytes, optional: true },
    );
  }
  if (pids !== null) settings.push({ controller: 'pids', file: 'pids.max', value: String(pids) });
  if (blockIoWeight !== null)
    settings.push({ controller: 'blkio', file: 'blkio.bfq.weight', value: String(blockIoWeight), optional: true });
  return settings;
}

function settingsV2({ cpuMillis, memoryMiB, pids, cpuBurst = false, blockIoWeight = null }: Limits): Setting[] {
  const settings: Setting[] = [];
  if (cpuMillis !== null) {
    settings.push(
      { controller: 'cpu', file: 'cpu.max', value: `${cpuBurst ? 'max' : quotaUs(cpuMillis)} ${periodUs}` },
      { controller: 'cpu', file: 'cpu.weight', value: String(weightOf(cpuMillis)) },
    );
  }
  if (memoryMiB !== null) {
    settings.push(
      { controller: 'memory', file: 'memory.max', value: String(memoryMiB * bytesPerMiB) },
      { controller: 'memory', file: 'memory.swap.max', value: '0', optional: true },
    );
  }
  if (pids !== null) settings.push({ controller: 'pids', file: 'pids.max', value: String(pids) });
  // Whichever the disk goes by; both count from 100.
  if (blockIoWeight !== null) {
    for (const file of ['io.bfq.weight', 'io.weight']) {
      settings.push({ controller: 'blkio', file, value: String(blockIoWeight), optional: true });
    }
  }
  return settings;
}

function quotaUs(cpuMillis: number): number {
  return Math.max(smallestQuotaUs, Math.round((cpuMillis * periodUs) / 1000));
}

/** One CPU is 1024 shares, as in Docker; the kernel's bounds are 2 and 262,144. */
function sharesOf(cpuMillis: number): number {
  return Math.min(262_144, Math.max(2, Math.round((cpuMillis * 1024) / 1000)));
}

/** One CPU is the default weight of 100; the kernel's bounds are 1 and 10,000. */
function weightOf(cpuMillis: number): number {
  return Math.min(10_000, Math.max(1, Math.round(cpuMillis / 10)));
}

/** Number behind `oom_kill` in memory.oom_control (v1) or memory.events (v2). 0 if it isn't there. */
export function oomKillsIn(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}
