// The user's own terminal while another is shown in it: raw, its size told when it changes, and always given back.

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export function terminalSize(): TerminalSize {
  return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
}

/** Every key goes through, Ctrl-C too. @returns what gives the terminal back; safe twice. */
export function takeTerminal(onResize: (size: TerminalSize) => void): () => void {
  const resize = () => onResize(terminalSize());
  process.stdin.setRawMode(true);
  process.stdout.on('resize', resize);
  const giveBack = () => {
    process.stdout.off('resize', resize);
    process.stdin.setRawMode(false);
  };
  process.once('exit', giveBack);
  return giveBack;
}
