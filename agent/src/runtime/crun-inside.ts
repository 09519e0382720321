// What one can do inside a running task, for containers that crun runs: composes the files beside it, and holds each
// task to so many at one time.
import { mkdirSync, rmSync } from 'node:fs';
import { execLimits, type TaskId } from '@berth/contract';
import { copyIn, copyOut, pathStatus } from './copy.js';
import { openSession } from './exec-session.js';
import { killLeftSessions } from './exec-sweep.js';
import { connectInside } from './forward.js';
import { type ExecSession, type Inside, InsideError, type InsideHost } from './inside.js';

export interface CrunInside extends Inside {
  /** Ends what an earlier life of the agent has left running in these tasks. */
  start(known: readonly TaskId[]): Promise<void>;
  /** Ends every session: the other end can't outlive us. */
  close(): Promise<void>;
}

export function crunInside(host: InsideHost): CrunInside {
  const sessions = new Set<ExecSession>();
  const counts = new Map<string, number>();

  async function held<T>(kind: string, taskId: TaskId, atMost: number, open: () => Promise<T>, ended: (it: T) => Promise<unknown>) {
    const key = `${kind} ${taskId}`;
    const count = counts.get(key) ?? 0;
    if (count >= atMost) throw new InsideError('too_many_sessions', { of: 'task', count: String(atMost) });
    counts.set(key, count + 1);
    const release = () => {
      const left = (counts.get(key) ?? 1) - 1;
      if (left > 0) counts.set(key, left);
      else counts.delete(key);
    };
    try {
      const it = await open();
      void ended(it).then(release, release);
      return it;
    } catch (error) {
      release();
      throw error;
    }
  }

  const session = (kind: string, taskId: TaskId, atMost: number, open: () => Promise<ExecSession>) =>
    held(kind, taskId, atMost, open, async (it) => {
      sessions.add(it);
      await it.exitCode;
      sessions.delete(it);
    });

  return {
    exec: (taskId, container, request) =>
      session('exec', taskId, execLimits.sessionsPerTask, () => openSession(host, taskId, container, request)),
    copyOut: (taskId, container, path) => session('copy', taskId, execLimits.copiesPerTask, () => copyOut(host, taskId, container, path)),
    copyIn: (taskId, container, path) => session('copy', taskId, execLimits.copiesPerTask, () => copyIn(host, taskId, container, path)),
    stat: (taskId, container, path) => pathStatus(host, taskId, container, path),
    connect: (taskId, port) =>
      held(
        'connection',
        taskId,
        execLimits.connectionsPerTask,
        () => connectInside(host, taskId, port),
        (socket) => new Promise((resolve) => socket.once('close', resolve)),
      ),
    start: async (known) => {
      rmSync(host.paths.terminals, { recursive: true, force: true });
      mkdirSync(host.paths.terminals, { recursive: true, mode: 0o700 });
      for (const taskId of known) await killLeftSessions(host, taskId);
    },
    close: async () => {
      await Promise.all([...sessions].map((it) => it.hangUp()));
    },
  };
}
