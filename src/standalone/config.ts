// The supervisor's settings: its arguments, its environment, and what the data directory remembers (berth.conf). A
// program of its own, so it reads the environment itself.
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseSubnet, defaultDataDirectory, instanceName, type Settings } from './plan.js';
import { routedSubnets } from './routes.js';

export interface Invocation extends Settings {
  readonly demo: boolean;
  readonly wipe: boolean;
  /** Nobody watches the terminal: say how to stop it by bin/down. */
  readonly detached: boolean;
  /** File of the CLI's contexts. */
  readonly cliConfigFile: string;
  /** What follows the options. */
  readonly operands: readonly string[];
}

const options = {
  data: { type: 'string', default: defaultDataDirectory },
  port: { type: 'string' },
  'no-demo': { type: 'boolean', default: false },
  wipe: { type: 'boolean', default: false },
  detached: { type: 'boolean', default: false },
} as const;

/** Reads arguments and environment, and completes berth.conf. */
export async function readInvocation(args = process.argv.slice(2), env = process.env): Promise<Invocation> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const dataDirectory = resolve(values.data);
  const remembered = readSettings(dataDirectory);
  const port = Number(values.port ?? remembered.port ?? 7070);
  const instance = remembered.instance ?? instanceName(dataDirectory);
  const subnet = remembered.subnet ?? chooseSubnet(dataDirectory, await routedSubnets());
  if (existsSync(settingsFile(dataDirectory))) await remember(dataDirectory, { instance, subnet, port: String(port) });
  return {
    root: resolve(import.meta.dirname, '../../..'),
    dataDirectory,
    port,
    instance,
    subnet,
    node: process.execPath,
    databaseUrl: env.DATABASE_URL || null,
    environment: env,
    demo: !values['no-demo'],
    wipe: values.wipe,
    detached: values.detached,
    cliConfigFile: env.BERTH_CONFIG || join(env.HOME || homedir(), '.config/berth/config.json'),
    operands: positionals,
  };
}

const settingsFile = (dataDirectory: string) => join(dataDirectory, 'berth.conf');

function readSettings(dataDirectory: string): Partial<Record<string, string>> {
  const file = settingsFile(dataDirectory);
  if (!existsSync(file)) return {};
  return Object.fromEntries([...readFileSync(file, 'utf8').matchAll(/^(\w+)=(.+)$/gm)].map((match) => [match[1], match[2]]));
}

async function remember(dataDirectory: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  const header = '# Marks this directory as one of Berth, and remembers what was chosen for it.\n';
  await writeFile(settingsFile(dataDirectory), header + lines.join(''));
}
