// What one connection has told its agent to run and to stop: numbers the frames, remembers which are not acknowledged,
// and says nothing twice. Lives as long as the connection.
import type { DesiredTask, GatewayFrame, TaskId } from '@berth/contract';

type DesiredFrame = Extract<GatewayFrame, { type: 'desired' }>;

interface Sent {
  readonly frame: DesiredFrame;
  readonly sentAtMs: number;
  readonly times: number;
}

/** A frame stays well below the protocol's limit. Tasks beyond this go into the next one. */
const maxFrameChars = 2 * 1024 * 1024;

export class DesiredOutbox {
  private seq = 0;
  private readonly told = new Map<TaskId, { readonly desired: DesiredTask['desired']; readonly wish: number }>();
  private readonly ended = new Map<TaskId, number>();
  private readonly unacked = new Map<number, Sent>();

  /**
   * Frames with what the agent has not been told yet. A stop is never taken back, and an ended task never started again.
   * @param full the first frame says that it begins the full state; there is one even if it is empty.
   */
  frames(epoch: number, tasks: readonly DesiredTask[], { full, nowMs }: { full: boolean; nowMs: number }): DesiredFrame[] {
    const news = tasks.filter((task) => this.isNews(task));
    for (const task of news) this.told.set(task.taskId, { desired: task.desired, wish: wishOf(task) });
    const chunks = chunksOf(news);
    if (full && chunks.length === 0) chunks.push([]);
    return chunks.map((chunk, index) => {
      this.seq += 1;
      const frame: DesiredFrame = { type: 'desired', seq: this.seq, epoch, full: full && index === 0, tasks: chunk };
      this.unacked.set(frame.seq, { frame, sentAtMs: nowMs, times: 1 });
      return frame;
    });
  }

  /** @param wish the version of what is wished of a task that runs, 0 if nothing is. */
  wasTold(taskId: TaskId, desired: DesiredTask['desired'], wish = 0): boolean {
    const told = this.told.get(taskId);
    return this.ended.has(taskId) || told?.desired === 'stopped' || (told?.desired === desired && told.wish >= wish);
  }

  acknowledge(seq: number): void {
    this.unacked.delete(seq);
  }

  /**
   * These tasks have ended and the agent may forget them. They are remembered for a while still: an older look into the
   * database may be on its way, and must not start them again.
   */
  forget(taskIds: readonly TaskId[], nowMs: number): void {
    for (const taskId of taskIds) {
      this.told.delete(taskId);
      this.ended.set(taskId, nowMs);
    }
  }

  /** Frames that were sent at least `afterMs` ago and not acknowledged. @returns null when one was sent `maxTimes` already. */
  overdue(nowMs: number, afterMs: number, maxTimes: number): DesiredFrame[] | null {
    const due = [...this.unacked.values()].filter(({ sentAtMs }) => nowMs - sentAtMs >= afterMs);
    if (due.some(({ times }) => times >= maxTimes)) return null;
    for (const { frame, times } of due) this.unacked.set(frame.seq, { frame, sentAtMs: nowMs, times: times + 1 });
    return due.map(({ frame }) => frame);
  }

  /** Drops the memory of tasks that ended more than `afterMs` ago. */
  prune(nowMs: number, afterMs: number): void {
    for (const [taskId, endedAtMs] of this.ended) if (nowMs - endedAtMs > afterMs) this.ended.delete(taskId);
  }

  private isNews(task: DesiredTask): boolean {
    return !this.wasTold(task.taskId, task.desired, wishOf(task));
  }
}

function wishOf(task: DesiredTask): number {
  return task.desired === 'running' ? (task.wish?.version ?? 0) : 0;
}

function chunksOf(tasks: readonly DesiredTask[]): DesiredTask[][] {
  const chunks: DesiredTask[][] = [];
  let size = maxFrameChars;
  for (const task of tasks) {
    const chars = JSON.stringify(task).length;
    if (size + chars > maxFrameChars) {
      chunks.push([]);
      size = 0;
    }
    chunks.at(-1)?.push(task);
    size += chars;
  }
  return chunks;
}
