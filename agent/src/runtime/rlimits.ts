// Resource limits that containers get: what the definition asks for, and never more than the agent itself has, for
// raising a limit takes CAP_SYS_RESOURCE over the whole machine, which nothing in a task has.
import { readFileSync } from 'node:fs';
import type { ContainerSpec } from '@berth/contract';
import type { Rlimit } from './bundle.js';

type UlimitName = ContainerSpec['ulimits'][number]['name'];
/** By `RLIMIT_…`: the most that a container can be given. */
export type RlimitCeilings = Readonly<Record<string, number>>;

/** Unlimited, as the kernel writes it in 64 bits; JSON has no such number, so it is the largest exact one. */
const unlimited = Number.MAX_SAFE_INTEGER;
/** A C library takes a finite soft limit as the size of every thread's stack; without one it would take a sane size. */
const largestStack = 1024 ** 3;

/** As /proc/self/limits calls them. */
const titles: Readonly<Record<UlimitName, string>> = {
  core: 'Max core file size',
  cpu: 'Max cpu time',
  data: 'Max data size',
  fsize: 'Max file size',
  locks: 'Max file locks',
  memlock: 'Max locked memory',
  msgqueue: 'Max msgqueue size',
  nice: 'Max nice priority',
  nofile: 'Max open files',
  nproc: 'Max processes',
  rss: 'Max resident set',
  rtprio: 'Max realtime priority',
  rttime: 'Max realtime timeout',
  sigpending: 'Max pending signals',
  stack: 'Max stack size',
};

const defaults: ContainerSpec['ulimits'] = [
  { name: 'nofile', soft: 65_536, hard: 1_048_576 },
  { name: 'core', soft: 0, hard: 0 },
];

export function ownCeilings(): RlimitCeilings {
  return ceilingsIn(readFileSync('/proc/self/limits', 'utf8'));
}

/** @param own text of /proc/self/limits. */
export function ceilingsIn(own: string): RlimitCeilings {
  const lines = own.split('\n');
  return Object.fromEntries(
    Object.entries(titles).map(([name, title]) => {
      const line = lines.find((candidate) => candidate.startsWith(title));
      return [typeOf(name), limitIn(line?.slice(title.length).trim().split(/\s+/)[1])];
    }),
  );
}

/** The definition's own, and the default ones that it says nothing of; each as far as the ceilings allow. */
export function rlimitsFor(asked: ContainerSpec['ulimits'], ceilings: RlimitCeilings): Rlimit[] {
  const own = new Set(asked.map(({ name }) => name));
  return [...defaults.filter(({ name }) => !own.has(name)), ...asked].map(({ name, soft, hard }) => {
    const type = typeOf(name);
    const most = Math.min(numberOf(hard), ceilings[type] ?? unlimited);
    return { type, soft: Math.min(numberOf(soft), most, name === 'stack' ? largestStack : unlimited), hard: most };
  });
}

/** What of them is limited at all, for people: `nofile=20000 nproc=96365`. */
export function ceilingsInWords(ceilings: RlimitCeilings): string {
  const limited = Object.entries(ceilings).filter(([, most]) => most !== unlimited);
  return limited.map(([type, most]) => `${type.slice('RLIMIT_'.length).toLowerCase()}=${most}`).join(' ') || 'unlimited';
}

function typeOf(name: string): string {
  return `RLIMIT_${name.toUpperCase()}`;
}

function numberOf(limit: number): number {
  return limit < 0 ? unlimited : limit;
}

function limitIn(text: string | undefined): number {
  return text === undefined || text === 'unlimited' ? unlimited : Number(text);
}
