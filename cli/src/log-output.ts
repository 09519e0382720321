// Log lines on their way to the user's stdout and stderr.
import type { LogLine } from '@berth/contract';

export type Write = (stream: 'stdout' | 'stderr', text: string) => Promise<void>;

/** The lines as the program wrote them; like Docker, nothing in them is changed. */
export function plainOutput(write: Write): (line: LogLine) => Promise<void> {
  return ({ stream, text, partial }) => write(stream, partial ? text : `${text}\n`);
}

/**
 * Lines of several tasks or containers, each behind its origin's name. The parts of a long line are put together
 * first, so that lines of two origins don't mix.
 */
export function prefixedOutput(write: Write) {
  const begun = new Map<string, string>();
  return {
    async line(origin: string, { stream, text, partial }: LogLine): Promise<void> {
      const key = `${origin} ${stream}`;
      const whole = (begun.get(key) ?? '') + text;
      if (partial && whole.length < 65_536) {
        begun.set(key, whole);
        return;
      }
      begun.delete(key);
      await write(stream, `${origin} | ${whole}\n`);
    },
    /** What was left without an end of line. */
    async end(): Promise<void> {
      for (const [key, text] of begun) {
        const [origin, stream] = key.split(' ');
        await write(stream === 'stderr' ? 'stderr' : 'stdout', `${origin} | ${text}\n`);
      }
      begun.clear();
    },
  };
}
