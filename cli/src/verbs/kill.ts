import { isSignalName, type Signalled, signalName } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { usage } from '../failure.js';
import { taskIdOf } from '../tasks.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly signal: string;
  readonly container?: string;
}

export function addKill(program: Command): void {
  addVerb(program, 'kill <task>', 'Send a signal to the containers of a task', [
    ['berth kill -s HUP 3f0e6a52', 'to each container'],
    ['berth kill -s USR1 -c web 3f0e6a52', 'to one of them'],
    ['berth kill 3f0e6a52', 'SIGKILL'],
  ])
    .option('-s, --signal <name>', 'with or without SIG', 'KILL')
    .option('-c, --container <name>', 'only this container of the task')
    .action(kill);
}

async function kill(name: string, { context, output, signal, container }: Options): Promise<void> {
  if (!isSignalName(signalName(signal))) throw usage(`There is no signal "${signal}".`, 'For example HUP, USR1, TERM or KILL.');
  const api = connect(currentContext(context));
  const taskId = await taskIdOf(api, name);
  const body = { signal: signalName(signal), ...(container && { container }) };
  const sent: Signalled = await answer(api.POST('/v1/tasks/{taskId}/signal', { params: { path: { taskId } }, body }));
  if (output === 'json') await printJson(sent);
  else await print(`${sent.signal} was sent to ${sent.containers.join(', ')}`);
}
