// A line as an invoice keeps it: what rating made, and which month it corrects if it is a correction.
import { createHash, type Hash } from 'node:crypto';
import { canonicalJson } from '../../tasks/canonical-json.js';
import type { RatedLine } from '../rated-line.js';

export interface InvoiceLine extends RatedLine {
  /** Id of the invoice of the month that late facts changed; null: a line of this month. */
  readonly corrects: string | null;
}

/** What tells a line from others of its invoice: all but the numbers that add up. */
export function keyOf(line: InvoiceLine | RatedLine): string {
  const { quantity: _q, listAmount: _l, amount: _a, ...rest } = line;
  return canonicalJson(rest);
}

/** One text for one line, to compare and to hash. */
export function lineText(line: InvoiceLine): string {
  return canonicalJson(line);
}

/** SHA-256 of the lines in their order, each with a line feed. */
export function hashOfLines(lines: Iterable<InvoiceLine>): Buffer {
  const hash: Hash = createHash('sha256');
  for (const line of lines) hash.update(`${lineText(line)}\n`);
  return hash.digest();
}
