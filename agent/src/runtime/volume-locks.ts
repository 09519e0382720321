// Who uses which persistent volume on this host: any number of tasks may read one, one at a time may write. The scheduler
// sees to that already, but of a host that was given up and comes back it knows less than the host itself.

export interface VolumeUse {
  readonly id: string;
  readonly write: boolean;
}

export class VolumeLocks {
  private readonly users = new Map<string, readonly VolumeUse[]>();
  private readonly waiting = new Set<() => void>();

  /** Whatever others do: it is so already. */
  take(task: string, uses: readonly VolumeUse[]): void {
    if (uses.length > 0) this.users.set(task, uses);
  }

  /**
   * Takes all of them as soon as none is written by another task that is to be written. None is held while another is
   * waited for.
   * @throws the reason of `signal` when that fires.
   */
  async wait(task: string, uses: readonly VolumeUse[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (uses.some((use) => use.write && this.isWrittenByOther(task, use.id))) {
      await this.change(signal);
      signal.throwIfAborted();
    }
    this.take(task, uses);
  }

  release(task: string): void {
    this.users.delete(task);
    for (const wake of [...this.waiting]) wake();
  }

  isUsed(id: string): boolean {
    return [...this.users.values()].some((uses) => uses.some((use) => use.id === id));
  }

  private isWrittenByOther(task: string, id: string): boolean {
    return [...this.users].some(([other, uses]) => other !== task && uses.some((use) => use.write && use.id === id));
  }

  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
