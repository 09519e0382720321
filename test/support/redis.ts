// A throw-away Redis (Debian's redis-server) on a free port, in memory.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Redis } from 'ioredis';
import { freePort } from './cluster.js';

/** Null, or why tests that need Redis cannot run here. */
export const noRedis = existsSync('/usr/bin/redis-server') ? null : 'the Debian package redis-server is not installed';

/** @param bind as redis.conf has it; whoever reaches it may use it. */
export async function startRedis(bind = '127.0.0.1'): Promise<{ url: string; stop: () => Promise<void> }> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', ...bind.split(' '), '--protected-mode', 'no', '--save', '', '--appendonly', 'no'];
  const server = spawn('/usr/bin/redis-server', args, { stdio: 'ignore' });
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on('error', () => {});
  await client.ping();
  client.disconnect();
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      const gone = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await gone;
    },
  };
}
