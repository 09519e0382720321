// Reads named counters of nftables from the kernel, one in 50 microseconds, however many there are.
import { closeSync, readSync, writeSync } from 'node:fs';
import { type CounterAnswer, counterRequest, countersIn } from './counter-messages.js';
import { netfilterSocket, SyscallError } from './syscalls.js';

const enoent = 2;
/** The kernel's answers come in pieces of at most 32 KiB (netlink_dump). */
const answerBytes = 64 * 1024;

/** Bytes of those of the table's counters (of family `ip`) that there are, by name. @throws SyscallError */
export function readCounters(table: string, names: readonly string[]): Map<string, number> {
  return asking(table, (ask) => new Map(names.flatMap((name) => ask(name).map((one) => [one.name, one.bytes]))));
}

/** Names of all counters of the table. @throws SyscallError */
export function counterNames(table: string): string[] {
  return asking(table, (ask) => ask(null).map(({ name }) => name));
}

type Counters = CounterAnswer['counters'];

/** A socket for one purpose: what an error has left unread in it can't be taken for an answer to something else. */
function asking<T>(table: string, work: (ask: (name: string | null) => Counters) => T): T {
  const socket = netfilterSocket();
  const buffer = Buffer.allocUnsafe(answerBytes);
  const ask = (name: string | null): Counters => {
    writeSync(socket, counterRequest(table, name));
    const found: Counters[number][] = [];
    for (;;) {
      const { counters, done, errno } = countersIn(buffer.subarray(0, readSync(socket, buffer)));
      if (errno !== 0 && errno !== enoent) throw new SyscallError('netlink', errno, 'counters');
      found.push(...counters);
      if (done || name !== null) return found;
    }
  };
  try {
    return work(ask);
  } finally {
    closeSync(socket);
  }
}
