// Keeps the agent linked to the control plane: dials out, and dials again when the link breaks, with back-off.
// Containers don't care whether it is up. What is said on a link is link.ts's concern.
import type { TaskId, TaskReport } from '@berth/contract';
import { type BackoffRange, backoffMs } from './backoff.js';
import { type Link, type LinkDependencies, openLink } from './link.js';

export interface Session {
  /** Whether the gateway has welcomed this agent, and the link still stands. */
  readonly connected: boolean;
  /** The task's record changed. */
  touch(taskId: TaskId): void;
  /** Tells the end of a task that is known by its tombstone only. */
  retell(report: TaskReport): void;
  start(): void;
  close(): void;
}

const defaultRange: BackoffRange = { firstMs: 100, mostMs: 30_000 };
/** A link that held this long was a good one: its end is no reason to wait longer for the next. */
const goodLinkMs = 10_000;

export function createSession(dependencies: LinkDependencies & { readonly reconnect?: BackoffRange }): Session {
  const { log, reconnect = defaultRange } = dependencies;
  let link: Link | null = null;
  let timer: NodeJS.Timeout | undefined;
  let attempt = 0;
  let closed = false;

  function dial(): void {
    const openedAtMs = performance.now();
    link = openLink(dependencies, ({ reason, reconnectAfterMs }) => {
      link = null;
      if (closed) return;
      if (performance.now() - openedAtMs > goodLinkMs) attempt = 0;
      const inMs = reconnectAfterMs + backoffMs(attempt, reconnect, Math.random());
      attempt += 1;
      log.warn({ reason, inMs, attempt }, 'the link to the control plane is down; tasks run on');
      timer = setTimeout(dial, inMs);
    });
  }

  return {
    get connected() {
      return link?.welcomed ?? false;
    },
    touch: (taskId) => link?.touch(taskId),
    retell: (report) => link?.retell(report),
    start: dial,
    close() {
      closed = true;
      clearTimeout(timer);
      link?.close();
    },
  };
}
