import { channels, type StreamStatus } from '@berth/contract';
import type { Command } from 'commander';
import type { ChannelConnection } from '../channel-connection.js';
import { type Api, answer, connect } from '../client.js';
import { currentContext, lookupVariable } from '../config.js';
import { exitCodes } from '../exit-codes.js';
import { Failure, usage } from '../failure.js';
import { takeTerminal, terminalSize } from '../local-terminal.js';
import { environmentOption } from '../option-values.js';
import { taskIdOf } from '../tasks.js';
import { write } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly container?: string;
  readonly env: Record<string, string>;
  readonly user?: string;
  readonly workdir?: string;
}

export function addExec(program: Command): void {
  addVerb(program, 'exec <task> <command...>', 'Run a command in a running container, and exit with its code', [
    ['berth exec -it 3f0e6a52 sh', 'a shell with a terminal'],
    ['berth exec web -- env', 'prints the container’s variables'],
    ['cat dump.sql | berth exec -i db psql', 'gives it what comes from here'],
    ['berth exec -it -c sidecar -u 0 web sh', 'in another of its containers, as root'],
  ])
    .option('-i, --interactive', 'hand on the input from here')
    .option('-t, --tty', 'with a terminal')
    .option('-c, --container <name>', 'which of the task’s containers (default: its first essential one)')
    .option('-e, --env <key=value>', 'a variable; KEY alone hands on its value here', environmentOption(lookupVariable), {})
    .option('-u, --user <user>', 'user or user:group inside the container (default: the container’s)')
    .option('-w, --workdir <path>', 'directory to begin in (default: the container’s)')
    .addHelpText('after', exitCodeHelp)
    .action(exec);
}

const exitCodeHelp = `
Exit codes:
  the command's own    128 + n when signal n ended it
  ${exitCodes.notRun}                  the command could not be run
  ${exitCodes.failed}                  Berth could not do it, or the session broke off`;

async function exec(name: string, command: string[], options: Options): Promise<void> {
  const { interactive = false, tty = false } = options;
  if (tty && interactive && !process.stdin.isTTY)
    throw usage('-t needs a terminal, and the input is none.', 'Leave -t out to hand on what comes from a pipe or a file.');
  const api = connect(currentContext(options.context));
  const connection = await open(api, await taskIdOf(api, name), command, options);
  const giveBack = tty && process.stdin.isTTY && interactive ? takeTerminal((size) => connection.resize(size)) : () => {};
  try {
    connection.receive((channel, data) => show(channel, data));
    if (interactive) void handOn(connection);
    else connection.endInput();
    process.exitCode = exitCodeOf(await connection.ended);
  } finally {
    giveBack();
    process.stdin.destroy();
  }
}

async function open(api: Api, taskId: string, command: string[], options: Options): Promise<ChannelConnection> {
  const { tty = false, container, env, user, workdir } = options;
  const session = await answer(
    api.POST('/v1/tasks/{taskId}/exec', {
      params: { path: { taskId } },
      body: {
        command,
        tty,
        environment: env,
        ...(tty && { size: terminalSize() }),
        ...(container !== undefined && { container }),
        ...(user !== undefined && { user }),
        ...(workdir !== undefined && { workingDirectory: workdir }),
      },
    }),
  );
  return api.socket(session.url);
}

async function show(channel: number, data: Uint8Array | null): Promise<void> {
  if (data) await write(channel === channels.stderr ? 'stderr' : 'stdout', data);
}

async function handOn(connection: ChannelConnection): Promise<void> {
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) await connection.write(chunk);
  } catch {
    // The session is over, and the input was closed with it.
  }
  connection.endInput();
}

/** @throws Failure */
function exitCodeOf(status: StreamStatus | null): number {
  if (!status) throw new Failure('The session broke off.', { hint: '"berth inspect" shows whether the task still runs.' });
  if ('exitCode' in status) return status.exitCode;
  const exitCode = status.error.code === 'exec_failed' ? exitCodes.notRun : exitCodes.failed;
  throw new Failure(status.error.message, { exitCode });
}
