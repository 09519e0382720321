import type { Command } from 'commander';
import { contextFilePath, readContextFile, writeContextFile } from '../config.js';
import { usage } from '../failure.js';
import { table } from '../format.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addContext(program: Command): void {
  const context = program.command('context').summary('Choose which Berth to talk to').description('Choose which Berth to talk to.');
  addVerb(context, 'ls', 'List the known Berths', [['berth context ls', 'the current one is marked']]).action(list);
  addVerb(context, 'use <name>', 'Make one the current', [['berth context use production', '']]).action(use);
}

async function list({ output }: CommonOptions): Promise<void> {
  const file = readContextFile();
  const known = Object.entries(file?.contexts ?? {}).map(([name, { url, apiKey, operatorKey }]) => ({
    name,
    url,
    current: name === file?.current,
    // Enough to recognise a key by, not enough to use it.
    apiKey: apiKey ? `${apiKey.slice(0, 12)}…` : null,
    operator: operatorKey !== undefined,
  }));
  if (output === 'json') return printJson(known);
  const rows = known.map(({ name, url, current, apiKey, operator }) => [
    current ? '*' : '',
    name,
    url,
    apiKey ?? '',
    operator ? 'yes' : '',
  ]);
  await print(table(['', 'CONTEXT', 'URL', 'KEY', 'OPERATOR'], rows));
}

async function use(name: string): Promise<void> {
  const file = readContextFile();
  if (!file?.contexts[name]) {
    const known = Object.keys(file?.contexts ?? {});
    throw usage(
      `There is no context "${name}" in ${contextFilePath}.`,
      known.length > 0 ? `There are: ${known.join(', ')}.` : 'bin/up makes one.',
    );
  }
  writeContextFile({ ...file, current: name });
  await print(name);
}
