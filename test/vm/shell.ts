// Commands in the virtual machine by ssh: one connection for all of them, because each new one costs seconds of
// emulated cryptography.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

interface ShellResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ShellOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

interface SshOptions extends ShellOptions {
  readonly silent?: boolean;
}

export interface Shell {
  /** Connects. @returns false if nothing answers yet. */
  open(): Promise<boolean>;
  /** Rejects when its time (two minutes by default) is over, or the machine is gone. */
  run(command: string, options?: ShellOptions): Promise<ShellResult>;
  /** The same for a command that must succeed. @returns what it printed. */
  must(command: string, options?: ShellOptions): Promise<string>;
  /** The machine's loopback port leads to the same port of the loopback here. Not an error if it does already. */
  forward(port: number): Promise<void>;
  /** Safe twice, and without `open`. */
  close(): Promise<void>;
}

const openTimeoutMs = 60_000;
const commandTimeoutMs = 120_000;
/** ssh's own failures, as against the command's. */
const sshFailed = 255;

/** @param directory where the connection's socket may lie; its path must be short. */
export function shellOf({ directory, port, key }: { directory: string; port: number; key: string }): Shell {
  const options = {
    ControlPath: join(directory, 'ssh'),
    IdentityFile: key,
    IdentitiesOnly: 'yes',
    BatchMode: 'yes',
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    LogLevel: 'ERROR',
    ConnectTimeout: '20',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '8',
  };
  const base = ['-F', 'none', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]), '-p', String(port)];
  const ssh = (args: readonly string[], more: SshOptions) => runSsh([...base, ...args], more);
  const control = (args: readonly string[], silent = false) => ssh([...args, 'root@127.0.0.1'], { timeoutMs: openTimeoutMs, silent });

  const run = async (command: string, more: ShellOptions = {}) => {
    // Without the master, ssh would make a connection of its own.
    const result = await ssh(['-o', 'ControlMaster=no', 'root@127.0.0.1', '--', command], more);
    if (result.code === sshFailed) throw new Error(`The virtual machine does not answer: ${result.stderr.trim()}`);
    return result;
  };
  return {
    run,
    must: async (command, more) => {
      const { code, stdout, stderr } = await run(command, more);
      if (code === 0) return stdout;
      throw new Error(`in the virtual machine, "${command}" ended with ${code}: ${stderr.trim() || stdout.trim()}`);
    },
    open: async () => {
      // The master goes into the background once it is connected, and ends by `close` or with the machine.
      const { code } = await control(['-o', 'ControlMaster=yes', '-o', 'ControlPersist=yes', '-N', '-f'], true).catch(() => ({
        code: sshFailed,
      }));
      return code === 0;
    },
    forward: async (port) => {
      const { code, stderr } = await control(['-O', 'forward', '-R', `127.0.0.1:${port}:127.0.0.1:${port}`]);
      if (code !== 0) throw new Error(`port ${port} could not be forwarded into the virtual machine: ${stderr.trim()}`);
    },
    close: async () => {
      await control(['-O', 'exit'], true).catch(() => {});
    },
  };
}

/** Resolves when ssh has ended and all that it printed has arrived. `silent`: what it leaves running prints nowhere. */
function runSsh(args: readonly string[], { input, timeoutMs = commandTimeoutMs, silent = false }: SshOptions): Promise<ShellResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { stdio: silent ? 'ignore' : 'pipe' });
    const text = { stdout: '', stderr: '' };
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (part: string) => {
        text[stream] += part;
      });
    }
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
    child.once('error', (error) => reject(new Error(`ssh could not be run: ${error.message}. Install it: apt-get install openssh-client`)));
    child.once('close', (code) => {
      clearTimeout(timer);
      if (late)
        reject(new Error(`in the virtual machine, nothing came of "${args.at(-1)}" within ${timeoutMs / 1000} s: ${text.stderr.trim()}`));
      else resolve({ code: code ?? sshFailed, ...text });
    });
  });
}
