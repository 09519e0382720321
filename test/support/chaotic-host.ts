// A host of a chaotic day: a real journal on disk, fed with a day of tasks by a clock that the test holds. Its agent is killed
// without notice, its host restarted with the clock an hour off; its usage is told twice, late and in any order. Keeps
// count of what each task truly used by the plan of the day, not by the meter.
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostId, TaskId, UsageRecord } from '@berth/contract';
import { pino } from 'pino';
import type { Entry } from '../../agent/src/entries.js';
import { type Journal, openJournal } from '../../agent/src/journal.js';
import { fileStorage, type JournalStorage } from '../../agent/src/journal-storage.js';
import { dueCuts } from '../../agent/src/usage.js';
import { taskSpec } from '../../agent/test/tasks.js';

export type Pick = (below: number) => number;

interface Truth {
  ms: bigint;
  cpu: bigint;
  memory: bigint;
  egress: bigint;
  pull: { ms: bigint; cpu: bigint; memory: bigint };
}

interface Running {
  readonly taskId: TaskId;
  sinceMs: number;
  cpuMillis: number;
  memoryMiB: number;
  frozen: boolean;
  version: number;
  lastEventMs: number;
  /** What the host's counter of what it has sent says. It outlives the agent, and begins anew when somebody clears the host's tables. */
  counterBytes: number;
  /** What of it the agent has not read: a restart of the host takes it along. */
  unreadBytes: number;
}

const minute = 60_000;
const cutEveryMs = 5 * minute;

export class ChaoticHost {
  readonly truth = new Map<string, Truth>();
  readonly ended = new Set<TaskId>();
  private readonly running = new Map<TaskId, Running>();
  private clockOffMs = 0;
  private boots = 0;

  private constructor(
    readonly hostId: HostId,
    private readonly directory: string,
    private readonly pick: Pick,
    private disk: Disk,
    private journal: Journal,
  ) {}

  static async begin(hostId: HostId, directory: string, pick: Pick): Promise<ChaoticHost> {
    const disk = diskOf(directory);
    return new ChaoticHost(hostId, directory, pick, disk, await open(disk));
  }

  /** Its files, oldest first. */
  async journals(): Promise<string[]> {
    await this.journal.durable();
    const history = join(this.directory, 'history');
    const old = (await readdir(history)).sort().map((name) => join(history, name));
    return Promise.all([...old, join(this.directory, 'journal.ndjson')].map((path) => readFile(path, 'utf8')));
  }

  start(taskId: TaskId, dayMs: number): void {
    const orderedMs = dayMs + this.clockOffMs;
    const pullMs = this.pick(2) * this.pick(2_000);
    const atMs = orderedMs + pullMs;
    const [cpuMillis, memoryMiB] = [10 + this.pick(4000), 16 + this.pick(8000)];
    this.note({ kind: 'accepted', taskId, atMs: orderedMs, spec: taskSpec({ taskId, cpuMillis, memoryMiB }) });
    this.note({ kind: 'preparing', taskId, atMs: orderedMs });
    const ms = BigInt(pullMs);
    const pull = { ms, cpu: ms * BigInt(cpuMillis), memory: ms * BigInt(memoryMiB) };
    const pulled = pullMs > 0 ? { pulled: { fromMs: orderedMs, untilMs: atMs } } : {};
    this.note({ kind: 'prepared', taskId, atMs, address: null, timings: {}, ...pulled });
    this.note({ kind: 'container-starting', taskId, container: 'main', atMs: atMs + 3 });
    this.note({ kind: 'container-started', taskId, container: 'main', atMs: atMs + 7, timings: {} });
    this.running.set(taskId, {
      taskId,
      sinceMs: atMs + 7,
      cpuMillis,
      memoryMiB,
      frozen: false,
      version: 0,
      lastEventMs: atMs + 7,
      counterBytes: 0,
      unreadBytes: 0,
    });
    this.truth.set(taskId, { ms: 0n, cpu: 0n, memory: 0n, egress: 0n, pull });
  }

  /** A new size, frozen, or thawed. */
  adjust(dayMs: number): void {
    const task = this.any();
    const atMs = dayMs + this.clockOffMs;
    if (!task || atMs <= task.lastEventMs) return;
    this.count(task, atMs);
    task.version += 1;
    if (this.pick(2) === 0) task.frozen = !task.frozen;
    else Object.assign(task, { cpuMillis: 10 + this.pick(4000), memoryMiB: 16 + this.pick(8000) });
    const { taskId, version, cpuMillis, memoryMiB, frozen } = task;
    const wish = { version, cpuMillis, memoryMiB, frozen };
    this.note({ kind: 'adjust-wanted', taskId, atMs, wish });
    this.note({ kind: 'adjusted', taskId, atMs, adjusted: { ...wish, refusal: null } });
  }

  end(dayMs: number): void {
    const task = this.any();
    const atMs = dayMs + this.clockOffMs;
    if (!task || atMs <= task.lastEventMs) return;
    const { taskId } = task;
    if (this.pick(2) === 0) this.note({ kind: 'stop-wanted', taskId, atMs: atMs - 1, code: 'UserInitiated', reason: 'by me' });
    const exit = { exitCode: 0, signal: null, oomKilled: false, runtimeFailure: null };
    this.note({ kind: 'container-exited', taskId, container: 'main', atMs, exit });
    this.send(task);
    this.readEgress(task, atMs);
    this.note({ kind: 'cleaned', taskId, atMs: atMs + 40 });
    this.over(task, atMs);
  }

  /** What the agent does each second, as if it did it now only. */
  cut(dayMs: number): void {
    const nowMs = dayMs + this.clockOffMs;
    for (const task of this.running.values()) {
      this.send(task);
      if (this.pick(2) === 0) this.readEgress(task, nowMs);
    }
    for (const { taskId, usage } of [...this.journal.state.tasks.values()])
      for (const atMs of dueCuts(usage, nowMs, cutEveryMs)) {
        this.note({ kind: 'usage-cut', taskId, atMs });
        const task = this.running.get(taskId);
        if (task) task.lastEventMs = Math.max(task.lastEventMs, atMs);
      }
    this.journal.append({ kind: 'alive', atMs: nowMs });
  }

  /** What it has to tell, when that can't be lost any more. */
  async usage(): Promise<UsageRecord[]> {
    await this.journal.durable();
    return [...this.journal.state.tasks.values()].flatMap(({ unackedUsage }) => unackedUsage);
  }

  acknowledge(usage: readonly UsageRecord[]): void {
    const highest = new Map<TaskId, number>();
    for (const { taskId, sequence } of usage) highest.set(taskId, Math.max(sequence, highest.get(taskId) ?? 0));
    this.journal.append({ kind: 'acked', atMs: this.journal.state.aliveAtMs, reports: [], usage: [...highest] });
  }

  /**
   * SIGKILL: what is on disk stays, with the torn half of a line at its end. What happened to tasks is on disk by then; the
   * last cuts may be or not.
   */
  async kill(): Promise<void> {
    await this.journal.durable();
    const cutsAreLost = this.pick(2) === 0;
    if (cutsAreLost) this.disk.leave();
    for (const taskId of this.running.keys()) this.note({ kind: 'usage-cut', taskId, atMs: this.journal.state.aliveAtMs - 1 });
    if (!cutsAreLost) await this.journal.durable();
    this.disk.leave();
    await appendFile(join(this.directory, 'journal.ndjson'), '9f8e7d6c {"kind":"usage-cut","taskId":"');
    this.disk = diskOf(this.directory);
    this.journal = await open(this.disk);
  }

  /** The host is restarted, and somebody has set its clock: what ran is gone since it was last known to be alive. */
  async reboot(dayMs: number): Promise<void> {
    await this.kill();
    const { aliveAtMs } = this.journal.state;
    for (const task of [...this.running.values()]) {
      const { taskId } = task;
      this.note({ kind: 'rebooted', taskId, atMs: aliveAtMs });
      this.note({ kind: 'cleaned', taskId, atMs: aliveAtMs });
      this.over(task, Math.max(aliveAtMs, task.lastEventMs));
    }
    this.boots += 1;
    this.clockOffMs = (this.pick(3) - 1) * 60 * minute;
    this.journal.append({ kind: 'anchored', anchor: { bootId: `boot-${this.boots}`, wallMs: dayMs + this.clockOffMs, monotonicMs: 0 } });
  }

  endAll(dayMs: number): void {
    this.cut(dayMs);
    while (this.running.size > 0) {
      const before = this.running.size;
      this.end(dayMs + 10 * minute);
      if (this.running.size === before) throw new Error('A task of the day does not end.');
    }
  }

  close(): Promise<void> {
    return this.journal.close();
  }

  private send(task: Running): void {
    const bytes = this.pick(2) * this.pick(10 ** 9);
    task.counterBytes += bytes;
    task.unreadBytes += bytes;
  }

  private readEgress(task: Running, atMs: number): void {
    const { taskId } = task;
    this.note({ kind: 'egress-read', taskId, atMs, bytes: task.counterBytes });
    (this.truth.get(taskId) as Truth).egress += BigInt(task.unreadBytes);
    task.unreadBytes = 0;
    if (this.pick(20) > 0) return;
    task.counterBytes = 0;
    this.note({ kind: 'egress-read', taskId, atMs, bytes: 0 });
  }

  private note(entry: Entry): void {
    this.journal.append(entry);
  }

  private any(): Running | undefined {
    return [...this.running.values()][this.pick(Math.max(1, this.running.size))];
  }

  private over(task: Running, atMs: number): void {
    this.count(task, atMs);
    this.running.delete(task.taskId);
    this.ended.add(task.taskId);
  }

  private count(task: Running, atMs: number): void {
    const sum = this.truth.get(task.taskId) as Truth;
    const ms = BigInt(atMs - task.sinceMs);
    sum.ms += ms;
    sum.cpu += task.frozen ? 0n : ms * BigInt(task.cpuMillis);
    sum.memory += ms * BigInt(task.memoryMiB);
    task.sinceMs = atMs;
    task.lastEventMs = Math.max(task.lastEventMs, atMs);
  }
}

interface Disk {
  readonly storage: JournalStorage;
  /** From now on nothing is written by this life any more, and what it waits for never comes. */
  leave(): void;
}

function diskOf(directory: string): Disk {
  let left = false;
  const storage = fileStorage(directory);
  const alive = <A extends unknown[], R>(verb: (...args: A) => Promise<R>) => {
    return (...args: A): Promise<R> => (left ? new Promise(() => {}) : verb(...args));
  };
  return {
    storage: {
      read: alive(storage.read),
      append: alive(storage.append),
      sync: alive(storage.sync),
      replace: alive(storage.replace),
      close: alive(storage.close),
    },
    leave: () => {
      left = true;
    },
  };
}

function open({ storage }: Disk): Promise<Journal> {
  return openJournal({ storage, log: pino({ level: 'silent' }), compactAfterBytes: 20_000 });
}
