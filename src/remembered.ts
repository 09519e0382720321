// Answers that are kept for a few seconds under a key, so that a busy key is asked for once. Several who ask at the same
// time share one question; a failure is not kept.

export class Remembered<T> {
  private readonly known = new Map<string, { readonly answer: Promise<T>; readonly untilMs: number }>();

  /**
   * @param rememberMs for how long an answer counts
   * @param atMost keys; when there are more, all are forgotten
   */
  constructor(
    private readonly rememberMs: number,
    private readonly atMost: number,
  ) {}

  /** @param nowMs monotonic. */
  get(key: string, nowMs: number, ask: () => Promise<T>): Promise<T> {
    const entry = this.known.get(key);
    if (entry && entry.untilMs > nowMs) return entry.answer;
    const answer = ask();
    if (this.known.size >= this.atMost) this.known.clear();
    this.known.set(key, { answer, untilMs: nowMs + this.rememberMs });
    answer.catch(() => {
      // Unless somebody has asked anew in the meantime.
      if (this.known.get(key)?.answer === answer) this.known.delete(key);
    });
    return answer;
  }

  clear(): void {
    this.known.clear();
  }
}
