import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { limits, onHostDrainModes, type Task } from '@berth/contract';
import { type Command, Option } from 'commander';
import { attach } from '../attach.js';
import { answer, connect } from '../client.js';
import { currentContext, lookupVariable } from '../config.js';
import { addContainerOptions } from '../container-options.js';
import { exitCodes } from '../exit-codes.js';
import { usage } from '../failure.js';
import { duration } from '../format.js';
import {
  cpuOption,
  durationOption,
  environmentOption,
  keyValue,
  memoryOption,
  parseEnvironmentFile,
  wholeNumber,
} from '../option-values.js';
import { addPlacementOptions, simulationInWords } from '../placement-options.js';
import { showQuote } from '../quote.js';
import { type RunOptions, runRequest } from '../run-request.js';
import { exitCodeOfAll } from '../task-end.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions, RunOptions {
  readonly envFile?: string[];
  readonly detach?: boolean;
  readonly timeout?: number;
  readonly hostInfo?: boolean;
  readonly quote?: boolean;
  readonly simulate?: boolean;
}

export function addRun(program: Command): void {
  const command = addVerb(program, 'run <image> [command...]', 'Run a command in a container, stream its output and exit with its code', [
    ['berth run busybox -- echo hello', 'prints hello'],
    ['berth run --cpu 500m --memory 256 -e LEVEL=debug api', 'the image’s own command'],
    ['berth run -d --name web --tag team=web busybox -- httpd -f -p 80', 'prints the id and leaves it running'],
    ['berth run --quote --timeout 2h --cpu 4 worker', 'what it would cost; nothing is run'],
    ['berth run --simulate --zone eu-1a --count 5 api', 'where five would run, and what they would cost'],
    ['berth run --count 20 --timeout 5m worker', 'twenty at once, five minutes at the most'],
  ])
    .option('-c, --cpu <cpus>', 'CPU of the task: 250m, 0.25, 2 (default 250m)', cpuOption)
    .option('-m, --memory <size>', 'memory of the task: 128, 128Mi, 2Gi (default 128)', memoryOption)
    .option('-e, --env <key=value>', 'a variable; KEY alone hands on its value here', environmentOption(lookupVariable), {})
    .option('--env-file <path>', 'variables from a file, one a line', (path: string, before: string[] = []) => [...before, path])
    .option('-n, --count <n>', 'how many tasks', wholeNumber('--count', limits.tasksPerRequest.min, limits.tasksPerRequest.max), 1)
    .option('--name <name>', 'shown in lists')
    .option('--tag <key=value>', 'a tag; may be given again', keyValue('--tag'), {})
    .option('-d, --detach', 'print the ids and leave')
    .option('--timeout <time>', 'stop the tasks after this time', durationOption('--timeout'))
    .option('--entrypoint <path>', 'in place of the image’s entry point')
    .option('-u, --user <user>', 'user or user:group inside the container')
    .option('-w, --workdir <path>', 'working directory inside the container')
    .option('--read-only', 'no writing to the container’s root file system')
    .addOption(new Option('--on-host-drain <mode>', 'when its host is emptied (default wait)').choices([...onHostDrainModes]))
    .option('--min-available <percent>', 'of these tasks, kept running when hosts are emptied', wholeNumber('--min-available', 0, 100))
    .option('--max-unavailable <n>', 'of these tasks, missing at a time at the most', wholeNumber('--max-unavailable', 1, 100_000))
    .option('--moves-per-hour <n>', 'of these tasks, at the most', wholeNumber('--moves-per-hour', 1, 100_000))
    .option('--stop-timeout <time>', 'between the stop signal and SIGKILL (default 30s)', durationOption('--stop-timeout'));
  addPlacementOptions(addContainerOptions(command))
    .option('--quote', 'say what it would cost for --timeout, or an hour, and run nothing')
    .option('--simulate', 'say where it would run, why, how soon and at what price, and do not run it')
    .option('--host-info', 'say afterwards where it ran and how fast it started')
    .addHelpText('after', exitCodeHelp)
    .action(run);
}

const exitCodeHelp = `
Exit codes:
  the task's own       with --count: the first that is not 0
  ${exitCodes.timedOut}                  --timeout was over
  ${exitCodes.failed}                  Berth could not run it
  ${exitCodes.usage}                    the command line is wrong
  ${exitCodes.interrupted}                  Ctrl-C twice`;

async function run(image: string, command: string[], options: Options): Promise<void> {
  if (options.detach && options.timeout !== undefined) throw usage('--timeout needs somebody to wait: it does not go with --detach.');
  const body = runRequest(image, command, { ...options, env: { ...variablesOf(options.envFile), ...options.env } });
  const api = connect(currentContext(options.context), { patienceMs: 60_000 });
  if (options.quote) return showQuote(api, body, options);
  if (options.simulate) {
    const simulated = await answer(api.POST('/v1/placements:simulate', { body }));
    return options.output === 'json' ? printJson(simulated) : print(simulationInWords(simulated));
  }
  // The key makes another try safe when the answer to the first was lost.
  const header = { 'Idempotency-Key': randomUUID() };
  const { items } = await answer(api.POST('/v1/tasks', { body, params: { header } }));
  if (options.detach) return options.output === 'json' ? printJson(items) : print(items.map((task) => task.id).join('\n'));
  const { tasks, timedOut } = await attach(api, items, options);
  if (options.output === 'json') await print(JSON.stringify({ tasks }));
  if (options.hostInfo) for (const task of tasks) note(whereItRan(task));
  process.exitCode = timedOut ? exitCodes.timedOut : exitCodeOfAll(tasks);
}

function variablesOf(paths: readonly string[] = []): Record<string, string> {
  return Object.assign({}, ...paths.map((path) => parseEnvironmentFile(readText(path), path, lookupVariable)));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usage(`${path} cannot be read: ${(error as Error).message}.`);
  }
}

function whereItRan(task: Task): string {
  if (!task.host) return `${task.id.slice(0, 8)} ran nowhere.`;
  const start = task.startedAt ? `, started in ${duration(Date.parse(task.startedAt) - Date.parse(task.createdAt))}` : '';
  return `${task.id.slice(0, 8)} ran on ${task.host.name}${task.placement ? ` (${task.placement})` : ''}${start}.`;
}
