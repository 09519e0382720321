import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { duration, money, plainDecimal, sheet, table } from '../format.js';
import { sinceOption } from '../option-values.js';
import { taskIdOf } from '../tasks.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly by?: string;
  readonly since?: string;
}

type Api = ReturnType<typeof connect>;

export function addCost(program: Command): void {
  addVerb(program, 'cost [task]', 'Show what a task, or everything of this month, has cost: exactly, up to now', [
    ['berth cost', 'the month so far, per hour, and what it will come to'],
    ['berth cost --by tag:team', 'by a tag; or by definition, group (service or job), user'],
    ['berth cost --by definition --since 7d', 'the last seven days'],
    ['berth cost 3f0e6a52', 'a task: so far, per hour, and what it is made of'],
    ["berth cost web -o json | jq -r '.total'", 'the exact total'],
  ])
    .option('--by <what>', 'definition, group, user or tag:KEY')
    .option('--since <time>', 'a time, or how long ago: 2026-11-01, 12h, 7d (default: the month’s beginning)', (text) =>
      sinceOption(text, Date.now()),
    )
    .action(cost);
}

async function cost(name: string | undefined, options: Options): Promise<void> {
  const api = connect(currentContext(options.context));
  return name === undefined ? costOfAll(api, options) : costOfTask(api, name, options);
}

async function costOfAll(api: Api, { by, since, output }: Options): Promise<void> {
  const query = { ...(by !== undefined && { groupBy: by }), ...(since !== undefined && { since }) };
  const costs = await answer(api.GET('/v1/costs', { params: { query } }));
  if (output === 'json') return printJson(costs);
  const { currency } = costs;
  await print(
    sheet([
      ['Since', costs.from],
      ['Total', money(costs.total, currency)],
      ['Per hour', `${money(costs.perHour, currency)} (${costs.runningTasks} tasks)`],
      ['Forecast', costs.forecast === null ? null : `${money(costs.forecast, currency)} by the end of the month`],
    ]),
  );
  if (by === undefined) return;
  const rows = costs.groups.map(({ key, label, total, perHour, forecast }) => [
    label ?? key ?? '-',
    money(total, currency),
    money(perHour, currency),
    forecast === null ? '-' : money(forecast, currency),
  ]);
  await print(`\n${table([by.toUpperCase(), 'TOTAL', 'PER HOUR', 'FORECAST'], rows)}`);
}

async function costOfTask(api: Api, name: string, { output }: Options): Promise<void> {
  const id = await taskIdOf(api, name);
  const bill = await answer(api.GET('/v1/tasks/{taskId}/cost', { params: { path: { taskId: id } } }));
  if (output === 'json') return printJson(bill);
  await print(
    sheet([
      ['Task', bill.taskId],
      ['Total', `${money(bill.total, bill.currency)}${bill.live ? ', and growing' : ''}`],
      ['Per hour', bill.live ? money(bill.perHour, bill.currency) : null],
      ['Billed', `${duration(bill.durationMs)} (${bill.durationMs} ms)`],
      ['Not billed', bill.unbilledMs > 0 ? `${duration(bill.unbilledMs)}, the platform’s fault` : null],
      ['Prices', bill.priceBook],
    ]),
  );
  const rows = bill.lines.map((line) => [
    line.dimension,
    `${plainDecimal(line.quantity)} ${line.unit}`,
    plainDecimal(line.price),
    money(line.amount, bill.currency),
  ]);
  await print(`\n${table(['DIMENSION', 'QUANTITY', 'PRICE', 'AMOUNT'], rows)}`);
}
