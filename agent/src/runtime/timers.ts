// Work that comes back, one run after the other and never two at once.
import type { RuntimeLog } from './options.js';

/** @returns a function that ends it and resolves when a run that is under way is done. */
export function every(periodMs: number, work: () => Promise<void>, log: RuntimeLog): () => Promise<void> {
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    running ??= work()
      .catch((error) => log.error({ err: error }, 'recurring work failed, and will be tried again'))
      .finally(() => {
        running = null;
      });
  }, periodMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
