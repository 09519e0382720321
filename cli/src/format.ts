// Text for people: tables, times, money. Pure; whatever comes from outside is made inert before it reaches a terminal.
import Table from 'cli-table3';

/**
 * Control characters and direction marks written out (`\x1b`), so that a name or a reason cannot move the cursor,
 * recolour the terminal or show text in another order than it has.
 */
export function inert(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

const bare = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '   ' },
};

/** A table without lines, columns apart by three spaces, as `docker ps` prints. Cells are made inert. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({ head: [...head], chars: bare, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } });
  for (const row of rows) made.push(row.map(inert));
  return withoutTrailingSpace(made.toString());
}

/** `name  value` lines, aligned; a null value is left out. Values are made inert. */
export function sheet(entries: readonly (readonly [name: string, value: string | null])[]): string {
  const shown = entries.filter((entry): entry is readonly [string, string] => entry[1] !== null);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return withoutTrailingSpace(shown.map(([name, value]) => `${name.padEnd(width)}   ${inert(value)}`).join('\n'));
}

function withoutTrailingSpace(text: string): string {
  return text.replace(/ +$/gm, '');
}

/** `840ms`, `12.4s`, `3m 20s`, `5h 2m`, `4d 1h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, '')}s`;
  const seconds = Math.round(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ');
}

/** `3m 20s ago`. A time ahead of our clock (theirs may be) is `just now`. */
export function ago(instant: string, nowMs: number): string {
  const ms = nowMs - Date.parse(instant);
  return ms < 1000 ? 'just now' : `${duration(ms)} ago`;
}

/** `14:03:07.120`, in UTC: logs and events of machines in several time zones stay comparable. */
export function clockTime(instant: string): string {
  return new Date(instant).toISOString().slice(11, 23);
}

/** An exact decimal with its currency, without zeros that say nothing: `0.00001225 USD`. */
export function money(amount: string, currency: string): string {
  return `${plainDecimal(amount)} ${currency}`;
}

export function plainDecimal(amount: string): string {
  return amount.includes('.') ? amount.replace(/\.?0+$/, '') : amount;
}

/** `250m` or `2` CPUs. */
export function cpu(millis: number): string {
  return millis % 1000 === 0 ? String(millis / 1000) : `${millis}m`;
}

/** `128 MiB`, `1.5 GiB`. */
export function memory(mib: number): string {
  return mib >= 1024 ? `${plainDecimal((mib / 1024).toFixed(1))} GiB` : `${mib} MiB`;
}

/** At most `width` characters, the cut marked. */
export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
