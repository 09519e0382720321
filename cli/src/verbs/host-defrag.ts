import { type Defragmentation, type DefragmentationSettings, defragmentationModes } from '@berth/contract';
import { type Command, Option } from 'commander';
import { answer } from '../client.js';
import { ago, cpu, sheet, table } from '../format.js';
import { operatorApi } from '../operator-api.js';
import { wholeNumber } from '../option-values.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly mode?: DefragmentationSettings['mode'];
  readonly hostsPerHour?: number;
  readonly movesPerHour?: number;
  readonly usedAtMost?: number;
}

export function addHostDefrag(host: Command): void {
  addVerb(host, 'defrag', 'Show or set whether hosts that are used little are emptied', [
    ['berth host defrag', 'how it is set, and what it has found'],
    ['berth host defrag --mode advise', 'says what it would do'],
    ['berth host defrag --mode on --hosts-per-hour 2', 'does it, two hosts an hour'],
  ])
    .addOption(new Option('--mode <mode>', 'whether to do it').choices([...defragmentationModes]))
    .option('--hosts-per-hour <n>', 'hosts emptied within an hour', wholeNumber('--hosts-per-hour', 1, 1000))
    .option('--moves-per-hour <n>', 'tasks moved within an hour', wholeNumber('--moves-per-hour', 1, 100_000))
    .option('--used-at-most <percent>', 'only hosts that are used to at most so much', wholeNumber('--used-at-most', 1, 100))
    .action(defrag);
}

async function defrag({ context, output, mode, hostsPerHour, movesPerHour, usedAtMost }: Options): Promise<void> {
  const api = operatorApi(context);
  const changes = {
    ...(mode && { mode }),
    ...(hostsPerHour && { hostsPerHour }),
    ...(movesPerHour && { movesPerHour }),
    ...(usedAtMost && { usedPercentAtMost: usedAtMost }),
  };
  const before = await answer(api.GET('/v1/defragmentation'));
  const set = Object.keys(changes).length > 0;
  const shown = set ? await answer(api.PUT('/v1/defragmentation', { body: { ...before.settings, ...changes } })) : before;
  if (output === 'json') return printJson(shown);
  await print(sheet(settingsSheet(shown, Date.now())));
  const rows = shown.steps.map(({ hostName, cpuMillisFreed, moves }) => [hostName, String(moves.length), cpu(cpuMillisFreed)]);
  if (rows.length > 0) await print(`\n${table(['HOST', 'TASKS TO MOVE', 'CPU FREED'], rows)}`);
}

function settingsSheet({ settings, lookedAt, steps }: Defragmentation, nowMs: number): [string, string | null][] {
  return [
    ['Mode', settings.mode],
    ['Hosts used to at most', `${settings.usedPercentAtMost} %`],
    ['In an hour', `${settings.hostsPerHour} hosts, ${settings.movesPerHour} tasks`],
    ['A move must free', `${settings.minSavingPerMove} CPU`],
    ['Last looked', lookedAt && `${ago(lookedAt, nowMs)}: ${steps.length} hosts`],
  ];
}
