// Following a task's log at the API: binds followLogs to the client.
import { isTerminal, type LogLine } from '@berth/contract';
import { type Api, passes } from './client.js';
import { followLogs } from './follow-logs.js';
import { inert } from './format.js';
import { getTask } from './tasks.js';
import { note } from './terminal.js';

interface Request {
  /** Left out: every line that is kept. */
  readonly tail?: number | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly grep?: string | undefined;
  readonly stream?: string | undefined;
  readonly container?: string | undefined;
  readonly signal?: AbortSignal;
}

/** Every line of the task once, until its log ends, over as many connections as it takes. */
export function followTask(
  api: Api,
  id: string,
  { tail, since, until, grep, stream, container, signal }: Request,
): AsyncGenerator<LogLine> {
  let told = false;
  return followLogs(
    {
      open: (query) =>
        api.events(
          `/v1/tasks/${id}/logs`,
          {
            follow: 'true',
            ...(query.tail !== undefined && { tail: String(query.tail) }),
            ...(query.since && { since: query.since }),
            ...(query.cursor && { cursor: query.cursor }),
            ...(until && { until }),
            ...(grep && { grep }),
            ...(stream && { stream }),
            ...(container && { container }),
          },
          signal,
        ),
      hasEnded: async () => isTerminal((await getTask(api, id)).state),
      passes: (error) => !signal?.aborted && passes(error),
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      onBreak: (error) => {
        if (!told) note(`berth: ${inert((error as Error).message)} Trying again; the task is not affected.`);
        told = true;
      },
    },
    { tail, since, cursor: undefined },
  );
}
