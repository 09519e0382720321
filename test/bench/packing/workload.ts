// What is to be packed: a trace in Azure's form, or made up with a seed when there is none.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type MachineSize, randomSize } from '../machine-sizes.js';
import { Random } from '../random.js';

export interface Machine extends MachineSize {
  readonly id: string;
  readonly arriveS: number;
  /** Infinity: still running at the end. */
  readonly leaveS: number;
}

const azureHeader = 'vm_id,batch_id,arrive_s,duration_s,cores,mem_gb';

/** The lines of a CSV file, gzipped or not, without the header. */
export function readCsv(path: string): { header: string; rows: string[][] } {
  const raw = readFileSync(path);
  const text = path.endsWith('.gz') ? gunzipSync(raw).toString() : raw.toString();
  const [header = '', ...lines] = text.trim().split(/\r?\n/);
  return { header, rows: lines.map((line) => line.split(',')) };
}

/** @throws Error if the columns are not Azure's. Order of arrival, as in the file among equals. */
export function machinesOf({ header, rows }: { header: string; rows: string[][] }): Machine[] {
  if (header !== azureHeader) throw new Error(`The trace must have the columns ${azureHeader}, not ${header}.`);
  const machines = rows.map(([id = '', , arrive, duration, cores, memory]) => {
    const arriveS = Number(arrive);
    return {
      id,
      arriveS,
      leaveS: Number(duration) < 0 ? Number.POSITIVE_INFINITY : arriveS + Number(duration),
      cpuMillis: Number(cores) * 1000,
      memoryMiB: Math.round(Number(memory) * 1024),
    };
  });
  return machines.sort((a, b) => a.arriveS - b.arriveS);
}

const dayS = 86_400;
const binS = 300;
const days = 3.5;
const perBin = 60;
/** How long machines live: part of them, and seconds. Between the points, even in the logarithm. */
const durations: readonly (readonly [number, number])[] = [
  [0, 60],
  [0.1, 530],
  [0.25, 900],
  [0.5, 1600],
  [0.75, 4900],
  [0.9, 25_000],
  [0.95, 100_000],
];

/** Much like Azure's, but made up: batches, more by day than by night, most short, some that stay. */
export function makeUp(seed: number): Machine[] {
  const random = new Random(seed);
  const machines: Machine[] = [];
  for (let arriveS = 0; arriveS < days * dayS; arriveS += binS) {
    const byDay = 1 + 0.4 * Math.sin((2 * Math.PI * arriveS) / dayS);
    let left = Math.round(perBin * byDay * (0.5 + random.fraction()));
    while (left > 0) {
      const batch = Math.min(left, Math.ceil(1 / (1 - random.fraction())));
      const size = randomSize(random);
      for (let i = 0; i < batch; i++) machines.push({ id: `${machines.length}`, arriveS, leaveS: arriveS + duration(random), ...size });
      left -= batch;
    }
  }
  return machines;
}

function duration(random: Random): number {
  const part = random.fraction();
  for (const [i, [upTo, seconds]] of durations.entries()) {
    const [from, least] = durations[i - 1] ?? [0, seconds];
    if (part < upTo) return Math.round(least * (seconds / least) ** ((part - from) / (upTo - from)));
  }
  return Number.POSITIVE_INFINITY;
}
