// `npm run bench -- start|burst`: measures the Berth that runs here, beside crun alone and, if it runs, Docker.
// docs/performance.md tells what is measured and how to read it.
import { findOrStartBerth } from './berth.js';
import { benchBurst } from './burst.js';
import { type BenchOptions, help, parseBenchOptions } from './options.js';
import { benchStart } from './start.js';

const benches = { start: benchStart, burst: benchBurst };

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

const options = readOptions();
if (options) {
  await main(options).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  // A run that was interrupted may still wait for something.
  process.exit();
}
