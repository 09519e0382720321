// The table that ends a suite whose tests are promises: `row 10: …` (docs' faults) or `probe setns: …` (attacks). One
// line a test.

export interface PromiseResult {
  /** `row 10` */
  readonly key: string;
  readonly promise: string;
  readonly result: 'passed' | 'skipped' | 'failed';
  /** Why it was skipped. */
  readonly reason: string;
}

/** Reads a test's own name. @returns null if it is not the name of a promise. */
export function promiseIn(name: string): { key: string; promise: string } | null {
  const match = /^((?:row|probe) [^:]+): (.+)$/.exec(name);
  return match?.[1] && match[2] ? { key: match[1], promise: match[2] } : null;
}

export function tableText(results: readonly PromiseResult[]): string {
  const rows = [...results].sort((a, b) => collator.compare(a.key, b.key));
  const width = (of: (row: PromiseResult) => string) => Math.max(0, ...rows.map((row) => of(row).length));
  const keyWidth = width(({ key }) => key);
  const resultWidth = width(({ result }) => result);
  const line = ({ key, result, promise, reason }: PromiseResult) =>
    `  ${key.padEnd(keyWidth)}  ${result.padEnd(resultWidth)}  ${promise}${reason && `; ${result} because: ${reason}`}`;
  return rows.map((row) => `${line(row)}\n`).join('');
}

const collator = new Intl.Collator('en', { numeric: true });
