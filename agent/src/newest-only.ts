// For what is told whole each time: only the newest counts. One at a time is carried out; what fails is tried again,
// unless something newer has come.
export interface NewestOnly<T> {
  take(item: T): void;
  /** Nothing more is begun. */
  close(): void;
}

export function newestOnly<T>(
  carryOut: (item: T) => Promise<void>,
  onError: (error: unknown, item: T) => void,
  retryMs: number,
): NewestOnly<T> {
  let waiting: { readonly item: T } | null = null;
  let working = false;
  let closed = false;

  const work = async () => {
    working = true;
    while (waiting && !closed) {
      const current: { readonly item: T } = waiting;
      waiting = null;
      try {
        await carryOut(current.item);
      } catch (error) {
        onError(error, current.item);
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
        waiting ??= current;
      }
    }
    working = false;
  };

  return {
    take: (item) => {
      waiting = { item };
      if (!working) void work();
    },
    close: () => {
      closed = true;
    },
  };
}
