import type { Command } from 'commander';
import { connect } from '../client.js';
import { currentContext } from '../config.js';
import { stopTask, taskIdOf, untilStopped } from '../tasks.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly reason?: string;
  readonly wait: boolean;
}

export function addStop(program: Command): void {
  addVerb(program, 'stop <task...>', 'Stop tasks: the stop signal, and SIGKILL after the stop timeout', [
    ['berth stop 3f0e6a52', 'and wait until it has stopped'],
    ['berth stop --no-wait --reason "moving on" web api', 'ask for it and go on'],
  ])
    .option('--reason <text>', 'shown in the task’s events')
    .option('--no-wait', 'return at once')
    .action(stop);
}

async function stop(names: string[], { context, reason, wait, output }: Options): Promise<void> {
  const api = connect(currentContext(context), { patienceMs: 10_000 });
  // All are found before any is stopped: a typing error in the last must not stop the first.
  const ids = [...new Set(await Promise.all(names.map((name) => taskIdOf(api, name))))];
  const asked = await Promise.all(ids.map((id) => stopTask(api, id, reason)));
  const tasks = wait ? await untilStopped(api, ids) : asked;
  if (output === 'json') await printJson(tasks);
  else await print(ids.join('\n'));
}
