// `berth run --quote`: what the tasks would cost.
import type { RunTasksInput } from '@berth/contract';
import { answer, type connect } from './client.js';
import { duration, money, plainDecimal, sheet, table } from './format.js';
import { print, printJson } from './terminal.js';

const hourMs = 3_600_000;

export async function showQuote(
  api: ReturnType<typeof connect>,
  run: RunTasksInput,
  { timeout = hourMs, output }: { readonly timeout?: number; readonly output?: string },
): Promise<void> {
  const durationSeconds = Math.max(1, Math.ceil(timeout / 1000));
  const quote = await answer(api.POST('/v1/quotes', { body: { run, durationSeconds, egressMiB: 0 } }));
  if (output === 'json') return printJson(quote);
  await print(
    sheet([
      ['Total', `${money(quote.total, quote.currency)} for ${duration(durationSeconds * 1000)}`],
      ['Per hour', money(quote.perHour, quote.currency)],
      ['Prices', quote.priceBook],
    ]),
  );
  const rows = quote.lines.map(({ dimension, kind, quantity, unit, price, amount }) => [
    kind === 'minimum' ? `${dimension} (shortest time)` : dimension,
    `${plainDecimal(quantity)} ${unit}`,
    plainDecimal(price),
    money(amount, quote.currency),
  ]);
  await print(`\n${table(['DIMENSION', 'QUANTITY', 'PRICE', 'AMOUNT'], rows)}`);
}
