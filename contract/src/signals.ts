// Names of Linux signals, as a definition or a request may write them. What number each has is the host's business.

const ordinary = [
  ...['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGKILL', 'SIGUSR1', 'SIGSEGV', 'SIGUSR2'],
  ...['SIGPIPE', 'SIGALRM', 'SIGTERM', 'SIGSTKFLT', 'SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG'],
  ...['SIGXCPU', 'SIGXFSZ', 'SIGVTALRM', 'SIGPROF', 'SIGWINCH', 'SIGIO', 'SIGPWR', 'SIGSYS'],
];
const lastRealtime = 30;

/** Whether `name` is a signal: SIGTERM and its like, or SIGRTMIN, SIGRTMIN+1 … SIGRTMIN+30, SIGRTMAX-30 … SIGRTMAX. */
export function isSignalName(name: string): boolean {
  const realtime = /^SIGRT(?:MIN(?:\+(\d{1,2}))?|MAX(?:-(\d{1,2}))?)$/.exec(name);
  if (!realtime) return ordinary.includes(name);
  return Number(realtime[1] ?? realtime[2] ?? 0) <= lastRealtime;
}
