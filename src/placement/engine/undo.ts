// The undo log: while a trial runs, every change leaves its exact inverse here. Running them backwards restores the state
// to the last bit, list order included, so that a simulation never changes a later decision.

export class UndoLog {
  private readonly inverses: (() => void)[] = [];
  private depth = 0;

  get recording(): boolean {
    return this.depth > 0;
  }

  push(inverse: () => void): void {
    this.inverses.push(inverse);
  }

  /** Runs `body`; keeps its changes if it returns true, else takes them all back. Trials nest. */
  attempt(body: () => boolean): boolean {
    const mark = this.inverses.length;
    this.depth++;
    let keep = false;
    try {
      keep = body();
    } finally {
      if (!keep) this.rollBack(mark);
      this.depth--;
      if (this.depth === 0) this.inverses.length = 0;
    }
    return keep;
  }

  private rollBack(mark: number): void {
    while (this.inverses.length > mark) this.inverses.pop()?.();
  }
}
