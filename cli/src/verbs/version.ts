import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { currentContext } from '../config.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addVersion(program: Command): void {
  addVerb(program, 'version', 'Show the versions of berth and of the server', [['berth version', '']]).action(version);
}

async function version({ context, output }: CommonOptions): Promise<void> {
  const found = { berth: ownVersion(), api: await apiVersion(context), node: process.versions.node };
  if (output === 'json') return printJson(found);
  await print(`berth  ${found.berth} (Node ${found.node})\nAPI    ${found.api ?? 'not reachable'}`);
}

/** package.json lies one folder above both dist/berth.js and the sources' own folder. */
function ownVersion(): string {
  const found = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url)).map(readVersion);
  return found.find((one) => one !== null) ?? 'unknown';
}

function readVersion(url: URL): string | null {
  try {
    const { name, version } = JSON.parse(readFileSync(url, 'utf8')) as { name: string; version: string };
    return name === '@berth/cli' ? version : null;
  } catch {
    return null;
  }
}

/** Needs no key. Null when no Berth is set up, or it does not answer. */
async function apiVersion(context: string | undefined): Promise<string | null> {
  try {
    const response = await fetch(`${currentContext(context).url}/openapi.json`, { signal: AbortSignal.timeout(3000) });
    return ((await response.json()) as { info: { version: string } }).info.version;
  } catch {
    return null;
  }
}
