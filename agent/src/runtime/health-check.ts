// One health check of a container: a program inside it, or a request to the task's own address. Requests come from the
// host over the bridge, as a neighbour's would: that needs no thread in the task's namespace, and works for a sandbox
// that has a network stack of its own. They go nowhere else: the address is ours, and redirects are not followed.
import { request } from 'node:http';
import { connect } from 'node:net';
import type { HealthCheck } from '@berth/contract';
import { runInside } from './exec-process.js';
import { InsideError, type InsideHost } from './inside.js';
import { limiter } from './limiter.js';
import { plainText } from './plain-text.js';
import { readRecord, type SandboxRecord } from './records.js';
import type { CheckResult } from './runtime.js';

const longestDetail = 200;
const maxHeaderBytes = 8192;
/** Programs are dear to start: many that are due at once take turns, and their time begins with their turn. */
const programsAtOnce = 2;

const healthy: CheckResult = { ok: true, detail: '' };

export function healthChecks(host: InsideHost) {
  const turns = limiter(programsAtOnce);
  return async (taskId: string, container: string, check: HealthCheck, signal: AbortSignal): Promise<CheckResult> => {
    if (check.command) {
      const { command } = check;
      return turns(async () =>
        signal.aborted ? unhealthy('nobody waits for it') : checkByProgram(host, taskId, container, command, check, signal),
      );
    }
    const address = readRecord<SandboxRecord>(host.paths.task(taskId).sandbox)?.address;
    if (!address) return unhealthy('the task has no address');
    const within = AbortSignal.any([signal, AbortSignal.timeout(check.timeoutSeconds * 1000)]);
    if (check.http) return checkByHttp(address, check.http, within, check.timeoutSeconds);
    return check.tcp ? checkByTcp(address, check.tcp.port, within, check.timeoutSeconds) : healthy;
  };
}

async function checkByProgram(
  host: InsideHost,
  taskId: string,
  container: string,
  command: readonly string[],
  { timeoutSeconds }: HealthCheck,
  signal: AbortSignal,
): Promise<CheckResult> {
  try {
    const { exitCode, timedOut, output } = await runInside(host, taskId, container, { command, timeoutMs: timeoutSeconds * 1000, signal });
    if (timedOut) return unhealthy(`"${command[0]}" was not done within ${timeoutSeconds} s`);
    if (exitCode === 0) return healthy;
    const said = plainText(output, longestDetail);
    return unhealthy(`"${command[0]}" ended with exit code ${exitCode}${said && `: ${said}`}`);
  } catch (error) {
    if (!(error instanceof InsideError)) throw error;
    return unhealthy(error.values.detail ?? 'the container does not run');
  }
}

export function checkByHttp(
  address: string,
  { port, path, expectedStatus }: NonNullable<HealthCheck['http']>,
  signal: AbortSignal,
  timeoutSeconds: number,
): Promise<CheckResult> {
  return new Promise((resolve) => {
    const headers = { host: `${address}:${port}`, 'user-agent': 'berth-health-check', accept: '*/*', connection: 'close' };
    const asked = request({ host: address, port, path, headers, agent: false, maxHeaderSize: maxHeaderBytes, signal });
    const settle = (result: CheckResult) => {
      resolve(result);
      // Whatever the body holds, and however long it is, nobody reads it.
      asked.destroy();
    };
    asked.once('response', ({ statusCode = 0 }) => {
      const isGood = expectedStatus === undefined ? statusCode >= 200 && statusCode < 400 : statusCode === expectedStatus;
      settle(isGood ? healthy : unhealthy(`port ${port} answered ${path} with status ${statusCode}`));
    });
    asked.on('error', (error) => settle(unhealthy(reasonOf(error, port, signal, timeoutSeconds))));
    asked.end();
  });
}

export function checkByTcp(address: string, port: number, signal: AbortSignal, timeoutSeconds: number): Promise<CheckResult> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, signal });
    socket.once('connect', () => {
      resolve(healthy);
      socket.destroy();
    });
    socket.on('error', (error) => {
      resolve(unhealthy(reasonOf(error, port, signal, timeoutSeconds)));
      socket.destroy();
    });
  });
}

function reasonOf(error: Error, port: number, signal: AbortSignal, timeoutSeconds: number): string {
  if (signal.aborted) return `port ${port} did not answer within ${timeoutSeconds} s`;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ECONNREFUSED') return `nothing listens on port ${port} of the task’s address (only on localhost is not enough)`;
  return code.startsWith('HPE_')
    ? `port ${port} does not speak HTTP`
    : `port ${port} could not be reached: ${plainText(error.message, longestDetail)}`;
}

function unhealthy(detail: string): CheckResult {
  return { ok: false, detail };
}
