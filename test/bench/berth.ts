// The Berth under measurement: the one that the CLI's context or BERTH_URL names, or one of our own that is started
// for the measurement and taken away after it.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { LogLine, RunTasksInput, Task, TaskEvent } from '@berth/contract';
import { freePorts } from './free-ports.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

export interface Berth {
  readonly url: string;
  /** Address of its bundled registry. */
  readonly registry: string;
  get<T>(path: string): Promise<T>;
  runTasks(body: RunTasksInput): Promise<Task[]>;
  stop(taskId: string): Promise<void>;
  log(taskId: string): Promise<string>;
  events(taskId: string): Promise<TaskEvent[]>;
  close(): Promise<void>;
}

/** @param own start one of our own even if one is running. @throws Error when none is ready and none can be started. */
export async function findOrStartBerth(own: boolean): Promise<Berth> {
  const given = own ? null : await configured();
  if (given && (await isReady(given.url))) return client(given.url, given.apiKey, async () => {});
  return startOwn();
}

async function configured(): Promise<{ url: string; apiKey: string } | null> {
  const { BERTH_URL, BERTH_API_KEY, BERTH_CONFIG } = process.env;
  if (BERTH_URL && BERTH_API_KEY) return { url: BERTH_URL.replace(/\/+$/, ''), apiKey: BERTH_API_KEY };
  return readContext(BERTH_CONFIG || join(homedir(), '.config/berth/config.json'));
}

async function readContext(path: string): Promise<{ url: string; apiKey: string } | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  const file = JSON.parse(text) as { current: string; contexts: Record<string, { url: string; apiKey: string }> };
  return file.contexts[file.current] ?? null;
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3000) }).catch(() => null);
  return answer?.ok ?? false;
}

async function startOwn(): Promise<Berth> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-bench-'));
  const data = join(directory, 'data');
  const env = { ...process.env, BERTH_CONFIG: join(directory, 'config.json') };
  process.stderr.write('Starting a Berth for the measurement …\n');
  const stop = async () => {
    await run(join(root, 'bin/down'), ['--data', data, '--wipe'], { env });
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const port = await freePorts(4);
    await run(join(root, 'bin/up'), ['--detach', '--no-demo', '--data', data, '--port', String(port)], { env });
    const context = await readContext(env.BERTH_CONFIG);
    if (!context) throw new Error('bin/up wrote no context.');
    return client(context.url, context.apiKey, stop);
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}

function client(url: string, apiKey: string, close: () => Promise<void>): Berth {
  const headers = { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' };
  const call = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const answer = await fetch(url + path, { ...init, headers, signal: AbortSignal.timeout(30_000) });
    const body = (await answer.json()) as T & { message?: string };
    if (!answer.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${answer.status} ${body.message}`);
    return body;
  };
  const registryPort = Number(new URL(url).port) + 2;
  return {
    url,
    registry: process.env.BERTH_DEFAULT_REGISTRY || `127.0.0.1:${registryPort}`,
    get: (path) => call(path),
    runTasks: async (body) => (await call<{ items: Task[] }>('/v1/tasks', { method: 'POST', body: JSON.stringify(body) })).items,
    stop: async (id) => {
      await call(`/v1/tasks/${id}/stop`, { method: 'POST', body: '{}' });
    },
    log: async (id) => (await call<{ items: LogLine[] }>(`/v1/tasks/${id}/logs`)).items.map((line) => line.text).join('\n'),
    events: async (id) => (await call<{ items: TaskEvent[] }>(`/v1/tasks/${id}/events`)).items,
    close,
  };
}
