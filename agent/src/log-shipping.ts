// Brings the logs of ended tasks into the log store, through the gateway: each chunk, then the list of all. What the
// gateway did not answer is sent again, also by the next life of the agent; chunks that are there already do no harm.
import { Agent } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { agentPaths, type LogChunkInfo, logPath, type TaskId } from '@berth/contract';
import type { Logger } from 'pino';
import { GatewayRefused, postToGateway } from './gateway-post.js';
import type { Identity } from './identity.js';
import type { EndedLogs } from './runtime/ended-logs.js';
import type { AgentState } from './state.js';

interface Options {
  readonly gatewayUrl: string;
  readonly logs: EndedLogs;
  readonly state: Pick<AgentState, 'tasks'>;
  readonly log: Logger;
  identity(): Identity;
}

export interface LogShipping {
  /** Ends it when what is under way has gone out or failed. */
  close(): Promise<void>;
}

type Post = (path: string, body: object | Buffer) => Promise<unknown>;

const compress = promisify(gzip);
const everyMs = 5_000;
/** The gateway does not know the task, or keeps no logs: it may be another one later. */
const refusedAgainMs = 10 * 60_000;
const uploadMs = 30_000;
const notFoundStatus = 404;

export function startLogShipping({ gatewayUrl, logs, state, log, identity }: Options): LogShipping {
  const refusedUntil = new Map<TaskId, number>();
  let closed = false;
  let working: Promise<void> | null = null;

  const posting = (agent: Agent): Post => {
    const { key, certificate, authority } = identity();
    const credentials = { key, cert: certificate, ca: authority };
    return (path, body) => postToGateway(gatewayUrl, agentPaths.logs + path, body, credentials, { timeoutMs: uploadMs, agent });
  };

  async function ship(taskId: TaskId, post: Post): Promise<void> {
    const chunks: LogChunkInfo[] = [];
    for (const { data, ...chunk } of logs.chunks(taskId)) {
      if (closed) return;
      await post(logPath(taskId, chunk), await compress(data));
      chunks.push(chunk);
    }
    await post(logPath(taskId), { chunks });
    logs.done(taskId);
  }

  async function shipAll(): Promise<void> {
    const ended = (taskId: TaskId) => (state.tasks.get(taskId)?.state ?? 'stopped') === 'stopped';
    const waits = (taskId: TaskId) => (refusedUntil.get(taskId) ?? 0) > performance.now();
    const taskIds = logs.list();
    for (const taskId of refusedUntil.keys()) if (!taskIds.includes(taskId)) refusedUntil.delete(taskId);
    // One connection for all of them.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      await shipEach(
        taskIds.filter((id) => ended(id) && !waits(id)),
        posting(agent),
      );
    } finally {
      agent.destroy();
    }
  }

  async function shipEach(taskIds: readonly TaskId[], post: Post): Promise<void> {
    for (const taskId of taskIds) {
      if (closed) return;
      try {
        await ship(taskId, post);
      } catch (error) {
        if (!(error instanceof GatewayRefused)) throw error;
        refusedUntil.set(taskId, performance.now() + refusedAgainMs);
        if (error.status !== notFoundStatus)
          log.warn({ taskId, err: error }, 'the log of an ended task was refused; it will be sent again');
      }
    }
  }

  const timer = setInterval(() => {
    working ??= shipAll()
      .catch((error) => log.debug({ err: error }, 'logs of ended tasks could not be sent; they will be'))
      .finally(() => {
        working = null;
      });
  }, everyMs);
  timer.unref();

  return {
    async close() {
      closed = true;
      clearInterval(timer);
      await working;
    },
  };
}
