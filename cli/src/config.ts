// The CLI's settings: the only place that reads its environment and its file of contexts.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ContextFile, chooseContext } from './context.js';
import { Failure } from './failure.js';

export const contextFilePath = process.env.BERTH_CONFIG || join(homedir(), '.config', 'berth', 'config.json');

export const debug = Boolean(process.env.BERTH_DEBUG);

/** A variable of the caller's environment, for `--env NAME`. */
export function lookupVariable(name: string): string | undefined {
  return process.env[name];
}

/** A terminal that can't take a line back, as in an editor. (There is no colour to be turned off by NO_COLOR.) */
export const dumbTerminal = process.env.TERM === 'dumb';

/** @returns null when there is no file yet. @throws Failure when it can't be read. */
export function readContextFile(): ContextFile | null {
  let text: string;
  try {
    text = readFileSync(contextFilePath, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Failure(`${contextFilePath} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
  try {
    const parsed = JSON.parse(text) as ContextFile;
    if (typeof parsed.contexts !== 'object' || parsed.contexts === null) throw new Error('"contexts" is missing');
    return parsed;
  } catch (error) {
    const hint = 'Repair it, or remove it and run bin/up again.';
    throw new Failure(`${contextFilePath} is damaged: ${(error as Error).message}.`, { hint, cause: error });
  }
}

/** Replaces the file in one step. It holds keys, so it is its owner's alone. */
export function writeContextFile(file: ContextFile): void {
  mkdirSync(dirname(contextFilePath), { recursive: true, mode: 0o700 });
  const next = `${contextFilePath}.new`;
  writeFileSync(next, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  renameSync(next, contextFilePath);
}

/** The Berth to talk to. @throws Failure (usage) when none is set up. */
export function currentContext(name: string | undefined) {
  return chooseContext(readContextFile(), {
    context: name,
    url: process.env.BERTH_URL || undefined,
    apiKey: process.env.BERTH_API_KEY || undefined,
    operatorKey: process.env.BERTH_OPERATOR_KEY || undefined,
  });
}
