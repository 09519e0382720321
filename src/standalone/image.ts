// `bin/image NAME` ends here: makes a starter image anew and pushes it to the bundled registry, which must be running.
import { readInvocation } from './config.js';
import { pushImage, type StarterImage, starterImages } from './images.js';
import { registryOf } from './plan.js';
import { say, step } from './progress.js';

process.umask(0o022);
const invocation = await readInvocation();
const name = invocation.operands[0] as StarterImage;
try {
  if (!starterImages.includes(name)) throw new Error(`there is no starter image ${name}; there are ${starterImages.join(', ')}.`);
  await requireRegistry();
  await step(`${name} image`, () => pushImage(invocation, name, showProgress));
  say(`\nTry it: bin/berth run ${name}`);
} catch (error) {
  say(`\nbin/image: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

async function requireRegistry(): Promise<void> {
  const answers = await fetch(`http://${registryOf(invocation)}/v2/`, { signal: AbortSignal.timeout(5_000) }).then(
    (answer) => answer.ok,
    () => false,
  );
  if (!answers) throw new Error(`the registry on ${registryOf(invocation)} does not answer. Start Berth first: bin/up --detach`);
}

/** On a terminal each line takes the place of the one before. */
function showProgress(line: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K  ${line.slice(0, 100)}\r`);
  else say(`    ${line}`);
}
