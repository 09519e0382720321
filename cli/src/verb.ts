// What every verb has in common: where to find Berth, how to print, and help that shows examples.
import { type Command, Option } from 'commander';

export interface CommonOptions {
  readonly output: 'table' | 'json';
  readonly context?: string;
}

/**
 * Adds a verb. `synopsis` is commander's: `stop <task...>`.
 * @param examples command lines as they are typed, each with what it does.
 */
export function addVerb(
  parent: Command,
  synopsis: string,
  summary: string,
  examples: readonly (readonly [line: string, does: string])[],
): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const shown = examples.map(([line, does]) => `  ${line.padEnd(width)}  ${does}`).join('\n');
  return parent
    .command(synopsis)
    .summary(summary)
    .description(`${summary}.`)
    .addOption(new Option('-o, --output <format>', 'for people or for programs').choices(['table', 'json']).default('table'))
    .option('--context <name>', 'another Berth than the current one ("berth context ls")')
    .addHelpText('after', `\nExamples:\n${shown}`);
}
