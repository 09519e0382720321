// This machine as a host: waits until its agent is at work, and takes down what agents leave on the machine.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '@berth/contract';
import { lastLines } from './log-files.js';
import { agentCommand, pathsOf, type Settings } from './plan.js';
import type { Rest } from './rest.js';

const teardownMs = 180_000;

/** Whether an agent has been heard from since `sinceMs` (milliseconds of the wall clock) and its host is active. */
export async function isHostActive(operator: Rest, sinceMs: number): Promise<boolean> {
  const { items } = await operator.get<{ items: Host[] }>('/v1/hosts');
  return items.some((host) => host.state === 'active' && host.lastSeenAt !== null && Date.parse(host.lastSeenAt) >= sinceMs);
}

/**
 * Stops the tasks and removes bridge, tables, mounts and namespaces. Only while no agent runs.
 * @throws Error with the agent's last words.
 */
export async function teardownHost(settings: Settings): Promise<void> {
  const { program, args, environment } = agentCommand(settings, 'teardown', null);
  const logFile = join(pathsOf(settings).logs, 'agent.log');
  const log = openSync(logFile, 'a');
  const child = spawn(program, args, { env: environment, stdio: ['ignore', log, log], timeout: teardownMs, killSignal: 'SIGKILL' });
  closeSync(log);
  const how = await new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? (code === 0 ? '' : `exit code ${code}`)));
    child.once('error', (error) => resolve(error.message));
  });
  if (how === '') return;
  const words = (await lastLines(logFile, 5)).join('\n    ');
  throw new Error(`agent/bin/berth-agent teardown failed (${how}), so containers or mounts may be left:\n    ${words}`);
}

/** Whether the agent has its certificate; until then it needs a token. */
export function isEnrolled(settings: Settings): boolean {
  return existsSync(join(pathsOf(settings).agent, 'identity/identity.json'));
}
