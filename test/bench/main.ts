// `npm run bench -- start|burst|neighbours|idle`: measures the Berth that runs here, beside crun alone and, if it runs, Docker.
// `npm run bench -- placement|packing`: measures the placement engine alone; it needs neither root nor a Berth.
// `npm run bench -- billing`: measures metering and invoicing on a PostgreSQL of its own.
// docs/performance.md and docs/placement.md tell what is measured and how to read it.
import { findOrStartBerth } from './berth.js';
import { run as billing } from './billing.js';
import { benchBurst } from './burst.js';
import { run as durable } from './durable.js';
import { benchIdle } from './idle.js';
import { benchNeighbours } from './neighbours.js';
import { type BenchOptions, help, parseBenchOptions } from './options.js';
import { run as packing } from './packing.js';
import { run as placement } from './placement.js';
import { benchStart } from './start.js';

const benches = { start: benchStart, burst: benchBurst, neighbours: benchNeighbours, idle: benchIdle };
/** Benches of one part, with options of their own. */
const parts: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = { placement, packing, durable, billing };

async function main(options: BenchOptions): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('The benchmarks start containers, which needs root.');
  const berth = await findOrStartBerth(options.own);
  try {
    await Promise.race([benches[options.bench](berth, options), interruption()]);
  } finally {
    await berth.close();
  }
}

/** Ctrl-C must not leave a Berth behind that was started for the measurement. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => reject(new Error('Interrupted.')));
  });
}

function readOptions(): BenchOptions | null {
  try {
    return parseBenchOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${help}`);
    process.exitCode = 2;
    return null;
  }
}

function fail(error: Error): void {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

const [name = '', ...args] = process.argv.slice(2);
const part = Object.hasOwn(parts, name) ? parts[name] : undefined;
const options = part ? null : readOptions();
if (part) await part(args).catch(fail);
if (options) {
  await main(options).catch(fail);
  // A run that was interrupted may still wait for something.
  process.exit();
}
