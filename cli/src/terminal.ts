// What we write to: output that respects a slow reader, and a line on a terminal that shows what we wait for.
import { dumbTerminal } from './config.js';

export const interactive = Boolean(process.stderr.isTTY) && !dumbTerminal;

/** Writes and, when the reader is behind, waits for it: a flood of log lines must not pile up in memory. */
export async function write(stream: 'stdout' | 'stderr', text: string | Uint8Array): Promise<void> {
  const target = process[stream];
  if (!target.write(text)) await new Promise((resolve) => target.once('drain', resolve));
}

export async function print(text: string): Promise<void> {
  await write('stdout', text.endsWith('\n') ? text : `${text}\n`);
}

/** For machines: the whole value, indented, as the only thing on stdout. */
export async function printJson(value: unknown): Promise<void> {
  await print(JSON.stringify(value, null, 2));
}

/** A remark beside the output. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

export interface Spinner {
  /** What we wait for now. Make it inert first. */
  show(text: string): void;
  stop(): void;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** A moving line on a terminal's stderr; without a terminal each new text is a line of its own. */
export function spinner(): Spinner {
  if (!interactive) return { show: onceEach(note), stop() {} };
  let text = '';
  let frame = 0;
  const draw = () => {
    frame = (frame + 1) % frames.length;
    if (text !== '') process.stderr.write(`\r\x1b[2K${frames[frame]} ${text.slice(0, (process.stderr.columns ?? 80) - 3)}`);
  };
  const timer = setInterval(draw, 100);
  return {
    show(next) {
      text = next;
    },
    stop() {
      clearInterval(timer);
      if (text !== '') process.stderr.write('\r\x1b[2K');
      text = '';
    },
  };
}

function onceEach(print: (text: string) => void): (text: string) => void {
  let last = '';
  return (text) => {
    if (text !== last) print(text);
    last = text;
  };
}

/** Asks for a secret without showing it; without a terminal it is the first line of stdin. */
export async function askSecret(what: string): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(`${what}: `);
  const { stdin } = process;
  if (stdin.isTTY) stdin.setRawMode(true);
  try {
    return await firstLine();
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false);
    if (stdin.isTTY) process.stderr.write('\n');
    stdin.pause();
  }
}

async function firstLine(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.iterator({ destroyOnReturn: false })) {
    for (const character of String(chunk)) {
      if (character === '\r' || character === '\n' || character === '\u0004') return text;
      if (character === '\u0003') process.exit(130);
      text = character === '\u007f' ? text.slice(0, -1) : text + character;
    }
  }
  return text;
}
