// The command line of the benchmarks.
import { parseArgs } from 'node:util';

export const names = ['start', 'burst', 'neighbours', 'idle'] as const;

export interface BenchOptions {
  readonly bench: (typeof names)[number];
  readonly json: boolean;
  /** Also say where the time goes. */
  readonly profile: boolean;
  /** Start a Berth for this even if one runs. */
  readonly own: boolean;
  /** `start`: how many, one after the other. `burst`: how many at once. */
  readonly runs: number;
  readonly image: string;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
}

export const help = `npm run bench -- start|burst|neighbours|idle [options]

start       how long from POST to the process running, one task after the other
burst       how many tasks a second when many are posted at once
neighbours  how much two tasks that use all the CPU they get slow another down
idle        what agent and keeper cost while many tasks sleep

npm run bench -- placement [--hosts N] [--pairs N] [--seed N] [--json]
npm run bench -- packing [--trace FILE] [--host-cores C] [--host-mem-gib M] [--defrag] [--seed N] [--json]
npm run bench -- billing [--records N] [--tenants N] [--json]
npm run bench -- durable [--agents N] [--tasks N] [--seconds N] [--idle-agents N] [--json]

placement   how many decisions a second the placement engine makes
packing     how many hosts it needs, beside other rules
durable     how many tasks a second the whole control plane takes to “running”, with PostgreSQL and simulated agents
billing     how fast usage is taken in, cost is told and a month is closed

Options of start, burst, neighbours and idle:

--json         one JSON object as the last line
--runs N       how many tasks (start: 50, burst: 100); neighbours: how many pieces of work (300); idle: how many tasks (100)
--profile      also say where the time goes
--own          start a Berth for this even if one runs
--image NAME   an image with a busybox shell (busybox)
--cpu N        thousandths of a CPU for each task (start: 1000, burst: 100, neighbours: 500, idle: 10)
--memory N     MiB for each task (start: 128, burst: 32, neighbours: 32, idle: 16)
`;

const defaults = {
  start: { runs: 50, cpu: 1000, memory: 128 },
  burst: { runs: 100, cpu: 100, memory: 32 },
  neighbours: { runs: 300, cpu: 500, memory: 32 },
  idle: { runs: 100, cpu: 10, memory: 16 },
} as const;

/** @throws Error when the words are wrong. */
export function parseBenchOptions(words: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      own: { type: 'boolean', default: false },
      runs: { type: 'string' },
      image: { type: 'string', default: 'busybox' },
      cpu: { type: 'string' },
      memory: { type: 'string' },
    },
  });
  const bench = names.find((name) => name === positionals[0]);
  if (!bench || positionals.length !== 1) throw new Error(`Say which: ${names.join(' or ')}.`);
  const standard = defaults[bench];
  return {
    bench,
    json: values.json,
    profile: values.profile,
    own: values.own,
    image: values.image,
    runs: positive('--runs', values.runs, standard.runs),
    cpuMillis: positive('--cpu', values.cpu, standard.cpu),
    memoryMiB: positive('--memory', values.memory, standard.memory),
  };
}

function positive(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`${option} takes a whole number above 0, not ${text}.`);
  return Number(text);
}
