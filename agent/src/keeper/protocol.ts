// What agent and keeper say to each other over the keeper's socket: one JSON object a line. The keeper outlives the
// agent, so a later agent must understand an older keeper: change this by adding.

export interface CreateRequest {
  readonly do: 'create';
  /** The container's id for crun. */
  readonly container: string;
  readonly program: string;
  /** Whether to start it from a sealed copy: see sealed-programs.ts. */
  readonly seal: boolean;
  /** Everything after the program's name. */
  readonly args: readonly string[];
  readonly path: string;
  /** Where the program is told to send the container's terminal; null: there is none. Short: it is a socket's path. */
  readonly consoleSocket: string | null;
  /** Where the program writes the pid of the container's first process. */
  readonly pidFile: string;
  readonly log: string;
  /** Path of the log without a place; its files together have at most `maxLogBytes`. */
  readonly maxLogBytes: number;
  readonly logFiles: number;
  /** Gets the exit code, whole or not at all; `exitDraft` lies in the same file system. */
  readonly exitFile: string;
  readonly exitDraft: string;
}

export type Request =
  | CreateRequest
  /** Ends the creation of a container, and writes nothing more about it: neither log nor exit code. */
  | { readonly do: 'forget'; readonly container: string }
  /** Ends the keeper, if it keeps nothing. */
  | { readonly do: 'end' };

export type Numbered<T> = T & { readonly id: number };

/** The first line of each connection. */
export interface Hello {
  readonly keeper: number;
}

/** `pid`: of the container's first process, which waits to be let go. `error`: what the program said instead. */
export type Answer = { readonly id: number; readonly pid?: number; readonly error?: string };

/** Calls `take` with each whole line; a line longer than `maxLineCharacters` ends the reading. */
export function lineReader(take: (line: string) => void, tooLong: () => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) take(line);
    if (rest.length > maxLineCharacters) tooLong();
  };
}

const maxLineCharacters = 256 * 1024;
