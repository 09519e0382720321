// Rows as CSV (RFC 4180), some at a time. Text that a spreadsheet would take for a formula is made inert: names and tags
// come from people who are not the reader.
import { stringify } from 'csv-stringify/sync';

const rowsAtOnce = 500;

/** @param numeric columns in which a minus is a minus. */
export async function* csvText<Column extends string>(
  columns: readonly Column[],
  numeric: ReadonlySet<string>,
  rows: AsyncIterable<Readonly<Record<Column, string | null>>>,
): AsyncGenerator<string> {
  let waiting: (string | null)[][] = [[...columns]];
  for await (const row of rows) {
    waiting.push(columns.map((column) => (numeric.has(column) ? row[column] : inert(row[column]))));
    if (waiting.length < rowsAtOnce) continue;
    yield stringify(waiting, { record_delimiter: 'windows' });
    waiting = [];
  }
  if (waiting.length > 0) yield stringify(waiting, { record_delimiter: 'windows' });
}

/** One apostrophe more, also before an apostrophe: whoever takes one away has what was there. */
function inert(text: string | null): string | null {
  return text !== null && /^[=+\-@\t\r']/.test(text) ? `'${text}` : text;
}
