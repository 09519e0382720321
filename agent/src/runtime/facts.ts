// What kind of machine this is, and whether it can run containers as Berth needs them.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import type { Capacity } from '@berth/contract';
import { blockIoWeight } from './block-io.js';
import type { Cgroups } from './cgroup.js';
import { diskCapacityMiB, diskSpaceAt, takenBytes } from './disk-space.js';
import { findGpus, gpuAttributes } from './gpus.js';
import { crunWarning } from './known-crun-faults.js';
import { loadNfs } from './nfs-mount.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { mustRun } from './programs.js';
import { ceilingsInWords, ownCeilings } from './rlimits.js';
import type { HostFacts } from './runtime.js';

export interface HostReport {
  readonly facts: HostFacts;
  readonly startByFifo: boolean;
  /** A static busybox, for copying files in and out of containers; null if there is none. */
  readonly toolbox: string | null;
}

const versionTimeoutMs = 10_000;
/** Containers of these were let go by their FIFO in tests; others get `crun start`. */
const crunVersionsWithFifo = /^1\.8(\.|$)/;

/** Throws an error that says what is missing. */
export async function inspectHost(options: RuntimeOptions, paths: Paths, groups: Cgroups): Promise<HostReport> {
  if (process.getuid?.() !== 0) throw new Error('The agent must be run by root, for it makes namespaces and mounts.');
  requireKernel(release());
  const crun = await versionOf(options.programs.crun);
  const warning = crunWarning(crun);
  if (warning) options.log.warn({ crun }, warning);
  const runsc = existsSync(options.programs.runsc) ? await versionOf(options.programs.runsc) : null;
  return {
    facts: {
      capacity: {
        diskMiB: options.diskMiB ?? diskMiBOf(paths),
        ...(options.capacity ?? capacityOf(cpus().length, totalmem(), options.uidRanges)),
      },
      attributes: {
        hostname: hostname(),
        arch: arch(),
        kernel: release(),
        cgroup: groups.version,
        ...(groups.version === 'v2' && { cgroupDelegation: 'yes' }),
        crun,
        isolation: runsc === null ? 'container' : 'container,sandbox',
        ...(runsc !== null && { runsc }),
        cpus: String(cpus().length),
        volumes: (await loadNfs()) ? 'local,nfs' : 'local',
        ulimits: ceilingsInWords(ownCeilings()),
        blockIoWeight: blockIoWeight(),
        ...gpuAttributes(findGpus()),
      },
      bootId: bootId(),
    },
    startByFifo: crunVersionsWithFifo.test(crun),
    toolbox: existsSync(options.programs.toolbox) ? options.programs.toolbox : null,
  };
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Overlays on id-mapped mounts came with 5.19. */
function requireKernel(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 5 || (major === 5 && minor >= 19)) return;
  throw new Error(
    `Linux ${version} is too old: Berth needs 5.19 or later, to give each task user ids of its own. On Ubuntu 22.04 install linux-image-generic-hwe-22.04.`,
  );
}

async function versionOf(program: string): Promise<string> {
  const text = await mustRun(program, ['--version'], { timeoutMs: versionTimeoutMs });
  return /version (\S+)/.exec(text)?.[1] ?? 'unknown';
}

function diskMiBOf(paths: Paths): number {
  mkdirSync(paths.disks, { recursive: true, mode: 0o700 });
  return diskCapacityMiB(diskSpaceAt(paths.disks), takenBytes(paths.disks) + takenBytes(paths.volumes));
}

/** Leaves the system a twentieth of the CPUs, and of the memory a twentieth and at least 256 MiB. */
export function capacityOf(cpuCount: number, memoryBytes: number, uidRanges: number): Capacity {
  const mib = 1024 * 1024;
  const memoryMiB = Math.floor(memoryBytes / mib);
  return {
    cpuMillis: Math.floor(cpuCount * 950),
    memoryMiB: Math.max(0, memoryMiB - Math.max(256, Math.ceil(memoryMiB / 20))),
    taskSlots: Math.min(uidRanges, 1000),
  };
}
