// What events say about what was done inside a task: in words, and never longer than a line.

const commandCharacters = 200;
const pathCharacters = 200;

/** The command as somebody would type it, cut where it gets long. Control characters are made visible. */
export function shownCommand(command: readonly string[]): string {
  const text = command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');
  return cut(text, commandCharacters);
}

export function startedReason(command: readonly string[], container: string, tty: boolean): string {
  return `${shownCommand(command)} in ${container}${tty ? ', with a terminal' : ''}.`;
}

/** @param exitCode null: the session broke off. */
export function endedReason(command: readonly string[], container: string, exitCode: number | null, durationMs: number): string {
  const end = exitCode === null ? 'broke off' : `ended with ${exitCode}`;
  return `${shownCommand(command)} in ${container} ${end} after ${(durationMs / 1000).toFixed(1)} s.`;
}

export function copiedReason(path: string, container: string, bytes: number, complete: boolean): string {
  return `${shownPath(path)} in ${container}, a tar of ${bytes} bytes${complete ? '' : ', which broke off'}.`;
}

export function forwardedReason(port: number): string {
  return `Port ${port}. Further connections to it are not listed for a while.`;
}

function shownPath(path: string): string {
  return cut(JSON.stringify(path).slice(1, -1), pathCharacters);
}

function cut(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}
