// What EC2's instance metadata says of a spot machine that it takes back.
import { type Interruption, interruptionSchema } from '@berth/contract';

/** @returns null if the text is no notice, as where nothing is announced. */
export function parseInstanceAction(text: string): Interruption | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const { action, time } = (typeof json === 'object' && json !== null ? json : {}) as { action?: unknown; time?: unknown };
  const parsed = interruptionSchema.safeParse({ at: time, action });
  return parsed.success ? parsed.data : null;
}
