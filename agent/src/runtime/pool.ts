// Sandboxes made ahead of need. Making one takes about 15 ms even in a batch; taking one that is ready takes none.
// Each is used once, for one task, and its number is used again only when nothing of it is left. Many are kept for a
// burst; what a burst has taken is made again when it is over, so that it has the processors for itself.
import type { RuntimeLog } from './options.js';
import type { SandboxMaker } from './sandbox.js';

export interface Pool {
  /** Resolves at once if one is ready. Rejects if none could be made, or if as many tasks run as there are numbers. */
  take(): Promise<number>;
  /** A sandbox is not needed any more. It is removed together with others when it is quiet, or when they are many. Safe twice. */
  release(slot: number): void;
  /** Tells the pool of a number that a task of an earlier life has. Before `fill`. */
  reserve(slot: number): void;
  fill(): void;
  /** Ends refilling, and waits for what is being made and removed. Ready ones stay, for the next life's clean-up. */
  close(): Promise<void>;
}

const batchSize = 8;
/** Fewer than so many ready are made more at once; up to the pool's size, when none was taken for a while. */
const reserve = 8;
const quietMs = 500;
const manyReleased = 256;
const retryDelayMs = 1000;

interface Waiter {
  readonly resolve: (slot: number) => void;
  readonly reject: (error: Error) => void;
}

export function sandboxPool(maker: SandboxMaker, size: number, slots: number, log: RuntimeLog): Pool {
  const used = new Set<number>();
  const ready: number[] = [];
  const released = new Set<number>();
  const waiters: Waiter[] = [];
  let next = 0;
  let making: Promise<void> | null = null;
  let removing: Promise<void> = Promise.resolve();
  let sweepTimer: NodeJS.Timeout | null = null;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;
  let takenAt = Number.NEGATIVE_INFINITY;

  const nextNumber = (): number | null => {
    // Onwards, not from the start: a number rests before it is used again, and neighbours' caches expire.
    for (let tried = 0; tried < slots; tried++) {
      const slot = (next + tried) % slots;
      if (used.has(slot)) continue;
      next = (slot + 1) % slots;
      used.add(slot);
      return slot;
    }
    return null;
  };

  const make = async (count: number): Promise<void> => {
    const numbers = () => Array.from({ length: count }, nextNumber).filter((slot): slot is number => slot !== null);
    let batch = numbers();
    try {
      if (batch.length === 0 && released.size > 0) {
        await sweep();
        batch = numbers();
      }
      if (batch.length === 0) throw new Error('every address of the task subnet is in use');
      await maker.make(batch);
      for (const slot of batch) give(slot);
      schedule(0);
    } catch (error) {
      for (const slot of batch) used.delete(slot);
      log.error({ err: error }, 'sandboxes could not be made');
      for (const waiter of waiters.splice(0)) waiter.reject(error as Error);
      schedule(retryDelayMs);
    }
  };

  const give = (slot: number) => {
    const waiter = waiters.shift();
    if (waiter) waiter.resolve(slot);
    else ready.push(slot);
  };

  const isQuiet = () => performance.now() - takenAt >= quietMs;
  const missing = () => waiters.length + (isQuiet() ? size : Math.min(reserve, size)) - ready.length;

  const run = () => {
    timer = null;
    if (closed || making) return;
    if (missing() <= 0) return ready.length < size ? schedule(quietMs) : undefined;
    making = make(Math.min(batchSize, missing())).finally(() => {
      making = null;
      // What came in while it was being made was scheduled in vain.
      if (waiters.length > 0) schedule(0);
    });
  };

  const schedule = (delayMs: number) => {
    if (closed) return;
    if (timer && delayMs > 0) return;
    if (timer) clearTimeout(timer);
    timer = setTimeout(run, delayMs);
    timer.unref();
  };

  /** One at a time; what is released meanwhile goes with the next. */
  const sweep = (): Promise<void> => {
    removing = removing.then(() => remove([...released]));
    return removing;
  };

  const remove = async (batch: readonly number[]): Promise<void> => {
    if (batch.length === 0) return;
    try {
      await maker.remove(batch);
      for (const slot of batch) {
        released.delete(slot);
        used.delete(slot);
      }
    } catch (error) {
      log.error({ err: error }, 'sandboxes could not be removed');
      sweepIn(retryDelayMs);
    }
  };

  const sweepIn = (delayMs: number) => {
    if (sweepTimer) clearTimeout(sweepTimer);
    sweepTimer = setTimeout(() => void (isQuiet() || released.size >= manyReleased ? sweep() : sweepIn(quietMs)), delayMs);
    sweepTimer.unref();
  };

  return {
    take: () => {
      takenAt = performance.now();
      const slot = ready.shift();
      if (slot !== undefined) {
        schedule(ready.length < reserve ? 0 : quietMs);
        return Promise.resolve(slot);
      }
      return new Promise((resolve, reject) => {
        waiters.push({ resolve, reject });
        schedule(0);
      });
    },
    release: (slot) => {
      released.add(slot);
      sweepIn(released.size >= manyReleased || isQuiet() ? 0 : quietMs);
    },
    reserve: (slot) => {
      used.add(slot);
    },
    fill: () => schedule(0),
    close: async () => {
      closed = true;
      if (timer) clearTimeout(timer);
      await making;
      if (sweepTimer) clearTimeout(sweepTimer);
      await sweep();
    },
  };
}
