// Work that is done one after the other within this process, in the order in which it was asked for.
export class OneAtATime {
  private last: Promise<unknown> = Promise.resolve();

  /** Begins when all that was asked for before has ended, however it ended. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => {});
    return result;
  }
}
