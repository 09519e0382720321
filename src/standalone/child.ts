// Keeps one program running: starts it, notes its pid, starts it again when it dies, stops it when asked.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { writePidFile } from './pid-file.js';
import { type Command, restartDelayMs } from './plan.js';

export interface Running {
  readonly pid: number;
  /** Resolves when the process has ended, with how: `exit code 1`, `SIGKILL`. */
  readonly exited: Promise<string>;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
}

/** A child that has run this long was well: its next death begins the back-off anew. */
const wellAfterMs = 30_000;

/**
 * Output goes straight to the log file, so that the child does not die of a broken pipe when the supervisor does. It
 * gets a session of its own: Ctrl-C in the terminal is for the supervisor alone, which stops its children in order.
 */
export async function spawnChild(command: Command, logFile: string, graceMs: number): Promise<Running> {
  const log = openSync(logFile, 'a');
  const child = spawn(command.program, command.args, { env: command.environment, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const exited = new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`)));
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Error(`${command.program} can't be started: ${error.message}`)));
  });
  return {
    pid: child.pid as number,
    exited,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

export class Child {
  private running: Running | null = null;
  private starting: Promise<void> | null = null;
  private watching: Promise<void> | null = null;
  private readonly stopping = new AbortController();

  constructor(
    readonly name: string,
    private readonly pidFile: string,
    private readonly launch: () => Promise<Running>,
    private readonly say: (line: string) => void,
  ) {}

  /** Starts it for the first time. From then on it is kept running. */
  async start(): Promise<void> {
    this.starting = this.launchOnce();
    await this.starting;
    this.watching = this.watch();
  }

  /** Resolves when it next dies (never, if it doesn't): for whoever waits until it is ready. */
  async death(): Promise<string> {
    return this.running ? this.running.exited : 'not started';
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.starting?.catch(() => {});
    await this.running?.stop();
    await this.watching;
    await rm(this.pidFile, { force: true });
  }

  private async launchOnce(): Promise<void> {
    const running = await this.launch();
    await writePidFile(this.pidFile, running.pid);
    this.running = running;
    // Asked to stop in the middle of a start.
    if (this.stopping.signal.aborted) await running.stop();
  }

  private async watch(): Promise<void> {
    let failures = 0;
    let startedAt = Date.now();
    while (this.running) {
      const how = await this.running.exited;
      this.running = null;
      if (this.stopping.signal.aborted) return;
      failures = Date.now() - startedAt > wellAfterMs ? 1 : failures + 1;
      this.say(`${this.name} has ended (${how}); starting it again`);
      failures = await this.relaunch(failures);
      startedAt = Date.now();
    }
  }

  /** Tries until it starts or is no longer wanted. @returns the failures so far. */
  private async relaunch(failures: number): Promise<number> {
    for (let failed = failures; ; failed++) {
      await sleep(restartDelayMs(failed), null, { signal: this.stopping.signal }).catch(() => {});
      if (this.stopping.signal.aborted) return failed;
      try {
        await this.launchOnce();
        return failed;
      } catch (error) {
        this.say(`${this.name} does not start: ${(error as Error).message}`);
      }
    }
  }
}
