// `bin/up` ends here: the supervisor of a whole Berth on one machine. Stays until SIGINT or SIGTERM.
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Keys } from './accounts.js';
import { changeContexts, withContext } from './cli-context.js';
import { type Invocation, readInvocation } from './config.js';
import { runDemo } from './demo.js';
import { teardownHost } from './host.js';
import { provideImage } from './images.js';
import { trimLogs } from './log-files.js';
import { pidFileOf, stopStaleParts } from './parts.js';
import { writePidFile } from './pid-file.js';
import { contextName, defaultDataDirectory, pathsOf, urlOf } from './plan.js';
import { oneLine, say, step } from './progress.js';
import { restClient } from './rest.js';
import { Supervisor } from './supervisor.js';

const trimLogsEveryMs = 60_000;

/** Files that others' processes read (images, sockets) must not depend on root's umask. */
process.umask(0o022);
const invocation = await readInvocation();
const supervisor = new Supervisor(invocation);
const readyFile = join(pathsOf(invocation).run, 'ready');
const demonstratedFile = join(pathsOf(invocation).run, 'demonstrated');
let ending: Promise<void> | null = null;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Impatience: a second Ctrl-C ends the supervisor at once. What it leaves is stopped by the next bin/up or bin/down.
    if (ending && signal === 'SIGINT') process.exit(130);
    ending ??= end(0, signal === 'SIGINT');
  });
}

try {
  await writePidFile(pidFileOf(invocation, 'supervisor'), process.pid);
  const stale = await stopStaleParts(invocation);
  if (stale.length > 0) say(`  Stopped what was left of before: ${stale.join(', ')}`);
  const keys = await supervisor.start();
  await writeContext(invocation, keys);
  if (invocation.demo && !existsSync(demonstratedFile)) await demonstrate(invocation, keys);
  await announce(invocation);
  void makeNodeImage(invocation);
  setInterval(() => void trimLogs(pathsOf(invocation).logs).catch((error) => say(oneLine(error))), trimLogsEveryMs);
} catch (error) {
  if (!ending) {
    say(`\nBerth did not start: ${error instanceof Error ? error.message : error}\n`);
    ending = end(1, false);
  }
}

async function writeContext(settings: Invocation, { apiKey, operatorKey }: Keys): Promise<void> {
  const name = contextName(settings);
  await changeContexts(settings.cliConfigFile, (file) => withContext(file, name, { url: urlOf(settings), apiKey, operatorKey }));
}

/** A demonstration that fails is said, and stops nothing: the reason is likely to be the user's next question. */
async function demonstrate(settings: Invocation, { apiKey }: Keys): Promise<void> {
  try {
    const lines = await step('First task', () => runDemo(restClient(urlOf(settings), apiKey)));
    say(lines.join('\n'));
    await writeFile(demonstratedFile, '');
  } catch (error) {
    say(`  The first task did not work: ${oneLine(error)}. Look at: bin/berth ps; bin/berth events TASK`);
  }
}

/** Tells how to go on. The file tells bin/up that all is ready, and what to print if it is called again. */
async function announce(settings: Invocation): Promise<void> {
  const url = urlOf(settings);
  const data = settings.dataDirectory === defaultDataDirectory ? '' : ` --data ${settings.dataDirectory}`;
  const lines = [
    `  API      ${url}`,
    `  Docs     ${url}/docs`,
    `  Try      bin/berth run busybox -- echo hello`,
    `  Logs     ${pathsOf(settings).logs}`,
    `  Stop     bin/down${data}`,
  ];
  await writeFile(readyFile, `${lines.join('\n')}\n`);
  if (!settings.detached) lines[lines.length - 1] += ', or Ctrl-C';
  say(`\nBerth is ready.\n\n${lines.join('\n')}\n`);
}

/** Takes longer than the rest of a start together, so nobody waits for it. */
async function makeNodeImage(settings: Invocation): Promise<void> {
  try {
    if (await provideImage(settings, 'node', () => {})) say('  The node image is made: bin/berth run node -- -p process.version');
  } catch (error) {
    say(`  The node image could not be made: ${oneLine(error)}. Try again: bin/image node`);
  }
}

/** Ctrl-C stops the tasks too; a SIGTERM is bin/down's, which does that itself, or a restart, in which tasks live on. */
async function end(code: number, teardown: boolean): Promise<void> {
  say();
  try {
    await rm(readyFile, { force: true });
    await supervisor.stop();
    if (teardown) await step('Stopping tasks and removing their network', () => teardownHost(invocation));
    await rm(pidFileOf(invocation, 'supervisor'), { force: true });
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
  process.exit(code);
}
