// A replica of the control plane in a process of its own, for tests that kill it as a machine would.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import type { Config } from '../../src/config.js';
import { freePort } from './cluster.js';

const root = resolve(import.meta.dirname, '../..');

export interface ReplicaProcess {
  readonly name: string;
  /** SIGKILL. Does nothing when it does not run. */
  kill(): Promise<void>;
}

/** A scheduler on the database and the authority of `config`. Returns at once. @param more its other settings. */
export async function startScheduler(
  config: Pick<Config, 'databaseUrl' | 'pkiDir'>,
  name: string,
  more: Readonly<Record<string, string>>,
): Promise<ReplicaProcess> {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', join(root, 'src/main.ts')], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: config.databaseUrl,
      BERTH_PKI_DIR: config.pkiDir,
      BERTH_ROLES: 'scheduler',
      BERTH_REPLICA: name,
      BERTH_HTTP_PORT: String(await freePort()),
      BERTH_GATEWAY_PORT: String(await freePort()),
      BERTH_LOG_LEVEL: 'silent',
      ...more,
    },
  });
  return {
    name,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}
