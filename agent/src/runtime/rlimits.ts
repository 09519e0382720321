// Resource limits that containers get. None may be above the agent's own: raising one takes CAP_SYS_RESOURCE.
import { readFileSync } from 'node:fs';
import type { Rlimit } from './bundle.js';

/** Unlimited, as the kernel writes it in 64 bits; JSON has no such number, so it is the largest exact one. */
const unlimited = Number.MAX_SAFE_INTEGER;
const wanted: readonly { readonly type: string; readonly name: string; readonly soft: number; readonly hard: number }[] = [
  { type: 'RLIMIT_NOFILE', name: 'Max open files', soft: 65_536, hard: 1_048_576 },
  { type: 'RLIMIT_CORE', name: 'Max core file size', soft: 0, hard: 0 },
];

export function ownRlimits(): Rlimit[] {
  return rlimitsWithin(readFileSync('/proc/self/limits', 'utf8'));
}

/** @param own text of /proc/self/limits. */
export function rlimitsWithin(own: string): Rlimit[] {
  return wanted.map(({ type, name, soft, hard }) => {
    const line = own.split('\n').find((candidate) => candidate.startsWith(name));
    const ceiling = limitIn(line?.slice(name.length).trim().split(/\s+/)[1]);
    return { type, soft: Math.min(soft, ceiling), hard: Math.min(hard, ceiling) };
  });
}

function limitIn(text: string | undefined): number {
  return text === undefined || text === 'unlimited' ? unlimited : Number(text);
}
