// Names and numbers of Linux signals, as people write them in definitions and images.
import { constants } from 'node:os';

const realtimeFirst = 34;
const realtimeLast = 64;
const byNumber = new Map(
  Object.entries(constants.signals)
    .filter(([name]) => name !== 'SIGIOT' && name !== 'SIGPOLL')
    .map(([name, number]) => [number as number, name]),
);

/** Reads SIGTERM, TERM, 15 or SIGRTMIN+3. @returns null if it is no signal. */
export function signalNumber(text: string): number | null {
  const name = text.trim().toUpperCase();
  if (/^\d{1,2}$/.test(name)) return Number(name) >= 1 && Number(name) <= realtimeLast ? Number(name) : null;
  const whole = name.startsWith('SIG') ? name : `SIG${name}`;
  const realtime = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(whole);
  if (!realtime) return (constants.signals as Record<string, number>)[whole] ?? null;
  const offset = Number(realtime[3] ?? 0) * (realtime[2] === '-' ? -1 : 1);
  const number = (realtime[1] === 'MIN' ? realtimeFirst : realtimeLast) + offset;
  return number >= realtimeFirst && number <= realtimeLast ? number : null;
}

/**
 * The signal that an exit code of 128 + n stands for. the keeper and every init write it so; a program that itself exits
 * with such a code can't be told apart.
 */
export function signalOfExitCode(exitCode: number): string | null {
  const number = exitCode - 128;
  if (number < 1 || number > realtimeLast) return null;
  return byNumber.get(number) ?? (number >= realtimeFirst ? `SIGRTMIN${number > realtimeFirst ? `+${number - realtimeFirst}` : ''}` : null);
}
