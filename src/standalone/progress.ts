// What the person at the terminal sees of a start: one line a step, with its seconds. The layout is bin/lib/output.sh's.

export const say = (line = ''): void => void process.stdout.write(`${line}\n`);

/** Runs `work` and then prints `what` with the time that it took. */
export async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  say(`  ${what.padEnd(58)}${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s`);
  return result;
}

/** One line for the terminal, whatever the text has in it. */
export function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();
}
