import { type LogLine, limits } from '@berth/contract';
import { type Command, Option } from 'commander';
import { type Api, answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { clockTime } from '../format.js';
import { followTask } from '../live-logs.js';
import { plainOutput } from '../log-output.js';
import { sinceOption, wholeNumber } from '../option-values.js';
import { taskIdOf } from '../tasks.js';
import { note, print, write } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly since?: string;
  readonly until?: string;
  readonly grep?: string;
  readonly stream?: 'stdout' | 'stderr';
  readonly container?: string;
  readonly timestamps?: boolean;
}

export function addLogs(program: Command): void {
  addVerb(program, 'logs <task>', 'Print what a task wrote, also after it has stopped', [
    ['berth logs 3f0e6a52', 'the newest 1000 lines'],
    ['berth logs -f 3f0e6a52', 'all that is kept, then each new line until the task ends'],
    ['berth logs -f --tail 10 web', 'the last ten, then each new one until the task ends'],
    ['berth logs --since 10m -t 3f0e6a52', 'of the last ten minutes, with times'],
    ['berth logs --stream stderr --grep timeout web', 'what it said on stderr of timeouts'],
  ])
    .option('-f, --follow', 'go on until the task ends')
    .option(
      '-n, --tail <lines>',
      `at most this many of the newest (default: ${limits.logLines.default}; with -f every line that is kept)`,
      wholeNumber('--tail', 0, limits.logLines.max),
    )
    .option('--since <time>', 'only lines since then: 10m, 2h, 2026-01-31T12:00:00Z', (text) => sinceOption(text, Date.now()))
    .option('--until <time>', 'only lines up to then', (text) => sinceOption(text, Date.now(), '--until'))
    .option('-g, --grep <text>', 'only lines with this text in them')
    .addOption(new Option('--stream <name>', 'only one of the two').choices(['stdout', 'stderr']))
    .option('-c, --container <name>', 'only this container of the task')
    .option('-t, --timestamps', 'each line behind its time (UTC)')
    .action(logs);
}

async function logs(task: string, options: Options): Promise<void> {
  const api = connect(currentContext(options.context));
  const id = await taskIdOf(api, task);
  const show = printer(options);
  for await (const line of linesOf(api, id, options)) await show(line);
}

function printer({ output, timestamps }: Options): (line: LogLine) => Promise<void> {
  if (output === 'json') return (line) => print(JSON.stringify(line));
  if (!timestamps) return plainOutput(write);
  return (line) => plainOutput(write)({ ...line, text: `${clockTime(line.at)} ${line.text}` });
}

async function* linesOf(api: Api, id: string, { follow, tail, since, until, grep, stream, container }: Options): AsyncGenerator<LogLine> {
  if (follow) {
    yield* followTask(api, id, { tail, since, until, grep, stream, container });
    return;
  }
  const selection = { ...(since && { since }), ...(until && { until }), ...(grep && { grep }), ...(stream && { stream }) };
  const query = { ...(tail !== undefined && { tail }), ...selection, ...(container && { container }) };
  const found = await answer(api.GET('/v1/tasks/{taskId}/logs', { params: { path: { taskId: id }, query } }));
  if (found.truncated) note('There are older lines than these; --tail shows more of them.');
  yield* found.items;
}
