// Work that several may wait for and that is done once: it goes on while anybody waits for it, and is ended when the
// last one has gone.

interface Running<T> {
  readonly done: Promise<T>;
  readonly abandoned: AbortController;
  waiting: number;
}

export class SharedWork<T> {
  private readonly running = new Map<string, Running<T>>();

  /**
   * Joins the work of this key, or begins it.
   * @param begin is given a signal that fires when nobody waits any more.
   * @throws what the work throws, or `signal.reason` as soon as `signal` fires.
   */
  async get(key: string, signal: AbortSignal | undefined, begin: (abandoned: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const work = this.running.get(key) ?? this.begin(key, begin);
    work.waiting += 1;
    try {
      return await unlessAborted(work.done, signal);
    } finally {
      work.waiting -= 1;
      if (work.waiting === 0) {
        this.forget(key, work);
        work.abandoned.abort();
      }
    }
  }

  private begin(key: string, begin: (abandoned: AbortSignal) => Promise<T>): Running<T> {
    const abandoned = new AbortController();
    const work = { done: begin(abandoned.signal), abandoned, waiting: 0 };
    this.running.set(key, work);
    const forget = () => this.forget(key, work);
    work.done.then(forget, forget);
    return work;
  }

  private forget(key: string, work: Running<T>): void {
    if (this.running.get(key) === work) this.running.delete(key);
  }
}

async function unlessAborted<T>(done: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return done;
  let abort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([done, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
