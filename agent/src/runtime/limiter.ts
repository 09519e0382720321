// Lets only so many pieces of work run at one time, the others in the order they came.
export type Limiter = <T>(work: () => Promise<T>) => Promise<T>;

export function limiter(atOnce: number): Limiter {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  const enter = () =>
    new Promise<void>((resolve) => {
      if (free === 0) {
        waiting.push(resolve);
        return;
      }
      free--;
      resolve();
    });
  const leave = () => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  return async (work) => {
    await enter();
    try {
      return await work();
    } finally {
      leave();
    }
  };
}
