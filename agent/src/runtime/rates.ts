// A task's share of the network as the kernel is told of it. What it receives is shaped by a token bucket on the host's
// end of its cable, what it sends is policed in the firewall: neither is in reach of the task, whatever it may do inside.

const bitsPerMegabit = 1_000_000;
/** A packet can be as large as 64 KiB on its way through the host, and TCP needs some room to find its rate. */
const leastBurstBytes = 128 * 1024;
const burstsPerSecond = 10;

const bytesPerSecond = (mbps: number) => Math.floor((mbps * bitsPerMegabit) / 8);
const burstBytes = (mbps: number) => Math.max(leastBurstBytes, Math.floor(bytesPerSecond(mbps) / burstsPerSecond));

/** nft(8)'s limit that is over when a task has sent more than its rate. @param mbps in 10^6 bits a second */
export function policeLimit(mbps: number): string {
  return `rate over ${bytesPerSecond(mbps)} bytes/second burst ${burstBytes(mbps)} bytes`;
}

/** A line for `tc -batch` that shapes what goes to the task. */
export function shapeLine(veth: string, mbps: number): string {
  return `qdisc replace dev ${veth} root tbf rate ${mbps}mbit burst ${burstBytes(mbps)} latency 50ms\n`;
}
