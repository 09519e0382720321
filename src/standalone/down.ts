// `bin/down` ends here: stops a supervisor and its children, whether it is well, hangs or was killed; then the tasks
// and all that they have on the machine; with --wipe also forgets the data.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { changeContexts, withoutContext } from './cli-context.js';
import { type Invocation, readInvocation } from './config.js';
import { teardownHost } from './host.js';
import { pidFileOf, stopStaleParts } from './parts.js';
import { livingPid, stopRecorded } from './pid-file.js';
import { contextName, pathsOf } from './plan.js';
import { say, step } from './progress.js';

/** Longer than the children's times of grace together. */
const supervisorGraceMs = 90_000;

const invocation = await readInvocation();
try {
  await stopEverything(invocation);
  if (invocation.wipe) await wipe(invocation);
} catch (error) {
  say(`\nbin/down: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

async function stopEverything(settings: Invocation): Promise<void> {
  const supervisor = pidFileOf(settings, 'supervisor');
  if (await livingPid(supervisor)) await step('Stopping Berth', () => stopRecorded(supervisor, 'SIGTERM', supervisorGraceMs));
  const stale = await stopStaleParts(settings);
  if (stale.length > 0) say(`  Stopped what a killed supervisor had left: ${stale.join(', ')}`);
  await rm(join(pathsOf(settings).run, 'ready'), { force: true });
  await mkdir(pathsOf(settings).logs, { recursive: true });
  if (existsSync(pathsOf(settings).agent)) {
    await step('Stopping tasks and removing their network', () => teardownHost(settings));
  }
  say(`Berth on ${settings.dataDirectory} is stopped. ${settings.wipe ? '' : 'Its data is kept; bin/up goes on with it.'}`);
}

async function wipe(settings: Invocation): Promise<void> {
  const { dataDirectory } = settings;
  if (!existsSync(join(dataDirectory, 'berth.conf')))
    throw new Error(`${dataDirectory} is not Berth's (it has no berth.conf); it was not removed.`);
  await unmountBelow(dataDirectory);
  await rm(dataDirectory, { recursive: true });
  await changeContexts(settings.cliConfigFile, (file) => withoutContext(file, contextName(settings)));
  say(`${dataDirectory} is removed.`);
}

/** Removing files through a mount that is still there would remove what is mounted. */
async function unmountBelow(directory: string): Promise<void> {
  const targets = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  const below = targets.filter((target) => target.startsWith(`${directory}/`)).sort((a, b) => b.length - a.length);
  for (const target of below) await promisify(execFile)('umount', [target]);
}
