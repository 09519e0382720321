// What `berth` exits with. `run` adds the task's own code; the others are Docker's and coreutils' conventions, so that
// scripts can tell a failed task from a failed Berth.
export const exitCodes = {
  ok: 0,
  /** The command line was wrong. */
  usage: 2,
  /** `run --timeout` ended the task, as timeout(1). */
  timedOut: 124,
  /** Berth could not do it: refused, unreachable, or the task never ran. As `docker run`. */
  failed: 125,
  /** `exec`: the command was not run. As `docker exec`. */
  notRun: 126,
  /** Ctrl-C twice. */
  interrupted: 130,
  /** Whoever read our output has gone, as a program killed by SIGPIPE. */
  brokenPipe: 141,
} as const;
