// Amounts in the words that placement's reasons use.

export function formatCpu(millis: number): string {
  return `${millis}m CPU`;
}

export function formatMemory(mib: number): string {
  return `${mib} MiB`;
}

export function formatDisk(mib: number): string {
  return `${mib} MiB of disk`;
}

export function hostsInWords(count: number): string {
  return count === 1 ? '1 host' : `${count} hosts`;
}
