import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { duration, money, plainDecimal, sheet, table } from '../format.js';
import { taskIdOf } from '../tasks.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addCost(program: Command): void {
  addVerb(program, 'cost <task>', 'Show what a task has cost, to the millisecond and exactly', [
    ['berth cost 3f0e6a52', 'so far, per hour, and what it is made of'],
    ["berth cost web -o json | jq -r '.total'", 'the exact total'],
  ]).action(cost);
}

async function cost(name: string, { context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context));
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
