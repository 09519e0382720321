// Limits of what a task may ask for, in the units used everywhere: thousandths of a CPU and MiB.

export const limits = {
  cpuMillis: { min: 10, max: 256_000 },
  memoryMiB: { min: 16, max: 4_194_304 },
  pids: { min: 16, max: 32_768, default: 1024 },
  volumeSizeMiB: { min: 64, max: 4_194_304 },
  volumesPerTask: 20,
  volumesPerTenant: 500,
  ephemeralStorageMiB: { min: 64, max: 204_800, default: 1024 },
  /** Of one value. */
  secretBytes: 64 * 1024,
  secretsPerContainer: 64,
  secretBytesPerTask: 1024 * 1024,
  containersPerTask: { min: 1, max: 10 },
  stopTimeoutSeconds: { min: 0, max: 3600, default: 30 },
  startTimeoutSeconds: { min: 1, max: 3600 },
  healthCheck: {
    intervalSeconds: { min: 1, max: 300, default: 30 },
    timeoutSeconds: { min: 1, max: 60, default: 5 },
    retries: { min: 1, max: 10, default: 3 },
    startPeriodSeconds: { min: 0, max: 3600, default: 0 },
  },
  restartPolicy: {
    ignoredExitCodes: { max: 50 },
    maxAttempts: { min: 1, max: 10_000 },
    resetAfterSeconds: { min: 1, max: 86_400, default: 600 },
  },
  /** The longest is 60 days. */
  maxRunTimeSeconds: { min: 1, max: 5_184_000 },
  /** As ECS has it: two hours if nothing is said, two days at the most. */
  protectionMinutes: { min: 1, max: 2880, default: 120 },
  blockIoWeight: { min: 10, max: 1000 },
  shmSizeMiB: { max: 65_536, default: 64 },
  labels: { max: 64 },
  tmpfs: { max: 16 },
  extraHosts: { max: 64 },
  sysctls: { max: 64 },
  tasksPerRequest: { min: 1, max: 1000 },
  tags: { max: 50, keyLength: 128, valueLength: 256 },
  page: { max: 500, default: 50 },
  userDataBytes: 16 * 1024,
  logLines: { max: 10_000, default: 1000 },
  /** Text of one answer with log lines. */
  logBytes: 8 * 1024 * 1024,
} as const;

/** Reads `250m`, `0.25` or `2` (CPUs) as milli-CPUs. @returns null if it is none of them. */
export function parseCpu(text: string): number | null {
  const millis = /^(\d+)m$/.exec(text);
  if (millis) return Number(millis[1]);
  return /^\d+(\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : null;
}

/** Reads `128`, `128Mi`, `2Gi`, `512M`, `1G` as MiB; a plain number is MiB. @returns null if it is none of them. */
export function parseMemory(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(|m|mi|mib|g|gi|gib)b?$/i.exec(text);
  if (!match) return null;
  const factor = match[2]?.toLowerCase().startsWith('g') ? 1024 : 1;
  const mib = Number(match[1]) * factor;
  return Number.isInteger(mib) ? mib : null;
}
