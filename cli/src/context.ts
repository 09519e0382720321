// Which Berth to talk to and with which keys: the choice between flag, environment and file. config.ts reads them.
import { type Failure, usage } from './failure.js';

export interface Context {
  readonly name: string;
  readonly url: string;
  readonly apiKey: string | null;
  readonly operatorKey: string | null;
}

/** The file that `bin/up` and `berth context use` write. */
export interface ContextFile {
  readonly current?: string;
  readonly contexts: Readonly<Record<string, { url: string; apiKey?: string; operatorKey?: string }>>;
}

export interface Overrides {
  readonly context?: string | undefined;
  readonly url?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly operatorKey?: string | undefined;
}

/**
 * The flag wins over the environment, the environment over the file. A file's keys never go to a URL that the file
 * does not name: BERTH_URL would otherwise hand them to whoever it points to.
 * @throws Failure (usage) when there is none, or none of that name.
 */
export function chooseContext(file: ContextFile | null, overrides: Overrides): Context {
  const stored = storedContext(file, overrides);
  const url = overrides.context ? stored?.url : (overrides.url ?? stored?.url);
  if (!url) throw noContext();
  const asked = origin(url);
  const same = stored !== null && asked === origin(stored.url);
  const fromEnvironment = overrides.context === undefined;
  return {
    name: same && stored ? stored.name : 'BERTH_URL',
    url: url.replace(/\/+$/, ''),
    apiKey: (fromEnvironment ? overrides.apiKey : undefined) ?? (same ? stored.apiKey : null),
    operatorKey: (fromEnvironment ? overrides.operatorKey : undefined) ?? (same ? stored.operatorKey : null),
  };
}

function storedContext(file: ContextFile | null, { context, url }: Overrides): Context | null {
  const name = context ?? file?.current;
  const entry = name === undefined ? undefined : file?.contexts[name];
  if (name !== undefined && entry) {
    return { name, url: entry.url, apiKey: entry.apiKey ?? null, operatorKey: entry.operatorKey ?? null };
  }
  if (context !== undefined) {
    const known = Object.keys(file?.contexts ?? {});
    throw usage(`There is no context "${context}".`, known.length > 0 ? `There are: ${known.join(', ')}.` : noContext().hint);
  }
  if (name !== undefined && url === undefined)
    throw usage(`The current context "${name}" is not in the file.`, 'Choose another: berth context use NAME.');
  return null;
}

function origin(url: string): string {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw usage(`"${url}" is not the URL of a Berth.`, 'It looks like http://127.0.0.1:7070.');
  return new URL(url).origin;
}

function noContext(): Failure {
  return usage('No Berth is set up here.', 'Start one with bin/up, or set BERTH_URL and BERTH_API_KEY.');
}
