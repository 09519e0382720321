// Following a task's log to its end over connections that may break. Decides when to connect again and when it is
// over; opening a connection, looking at the task and waiting are the caller's.
import type { LogLine } from '@berth/contract';
import type { ServerEvent } from './event-stream.js';
import { refused } from './failure.js';

export interface FollowPorts {
  /** Opens one connection. Rejects when that fails in a way that may pass; a Failure that will not pass goes through. */
  open(query: Start): Promise<AsyncIterable<ServerEvent>>;
  /** Whether the task has ended, so that no more lines will come. */
  hasEnded(): Promise<boolean>;
  /** Whether this failure can pass: then there is another try. */
  passes(error: unknown): boolean;
  wait(ms: number): Promise<void>;
  /** For the user: the connection is gone and is being made again. */
  onBreak(error: unknown): void;
}

interface Start {
  /** Undefined: every line that is kept. */
  readonly tail: number | undefined;
  readonly since: string | undefined;
  /** After which line to go on: the id of its event. */
  readonly cursor: string | undefined;
}

const maxTries = 30;
/** When the task is over, its host may be too; then there is no use in waiting long for the rest of the log. */
const maxTriesAfterEnd = 4;

/** Every line once, oldest first. Ends with the task's log. @throws what `open` throws and does not pass. */
export async function* followLogs(ports: FollowPorts, start: Start): AsyncGenerator<LogLine> {
  let query: Start = start;
  let tries = 0;
  while (true) {
    // Asked before connecting: lines written after this are on the connection that is opened next.
    const ended = tries > 0 && (await quietly(ports, () => ports.hasEnded()));
    try {
      for await (const { event, data, id } of await ports.open(query)) {
        if (event === 'end') return;
        if (event === 'error') throw refused({ requestId: '', ...(JSON.parse(data) as { code: string; message: string }) });
        tries = 0;
        if (id) query = { ...start, tail: undefined, cursor: id };
        yield JSON.parse(data) as LogLine;
      }
      if (ended) return;
    } catch (error) {
      if (!ports.passes(error) || tries >= (ended ? maxTriesAfterEnd : maxTries)) throw error;
      ports.onBreak(error);
    }
    tries += 1;
    await ports.wait(Math.min(5000, 100 * 2 ** Math.min(tries, 6)));
  }
}

async function quietly(ports: FollowPorts, ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (!ports.passes(error)) throw error;
    return false;
  }
}
