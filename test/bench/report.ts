// Prints results: a table for people and, when asked for, one JSON object as the last line.

export type Row = readonly [name: string, ...values: string[]];

export function printTable(head: Row, rows: readonly Row[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: Row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('   ');
  process.stdout.write(`${[head, ...rows].map(line).join('\n')}\n`);
}

export function printResult(result: object, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
}
