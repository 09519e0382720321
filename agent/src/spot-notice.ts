// Asks EC2's instance metadata (IMDSv2) every few seconds whether the machine is taken back. Only where the host was told
// that it is at EC2: nothing else may be listening at that address.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Interruption } from '@berth/contract';
import type { Logger } from 'pino';
import { parseInstanceAction } from './interruption.js';

export interface SpotNotice {
  /** Null: none was given. Once given it stays: EC2 takes none back. */
  readonly current: Interruption | null;
  close(): void;
}

interface Options {
  /** Of the metadata service: http://169.254.169.254 */
  readonly url: string;
  readonly log: Pick<Logger, 'warn' | 'debug'>;
  readonly everyMs?: number;
}

const tokenPath = '/latest/api/token';
const noticePath = '/latest/meta-data/spot/instance-action';
const tokenSeconds = 21_600;
const answerMs = 2_000;

export function watchSpotNotice({ url, log, everyMs = 5_000 }: Options): SpotNotice {
  const closing = new AbortController();
  let current: Interruption | null = null;
  let token: string | null = null;

  const request = async (path: string, method: 'GET' | 'PUT', headers: Record<string, string>) => {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(answerMs)]);
    const response = await fetch(`${url}${path}`, { method, headers, signal, redirect: 'error' });
    return { status: response.status, text: (await response.text()).slice(0, 4096) };
  };

  const look = async (): Promise<void> => {
    if (token === null) {
      const { status, text } = await request(tokenPath, 'PUT', { 'x-aws-ec2-metadata-token-ttl-seconds': String(tokenSeconds) });
      if (status !== 200) throw new Error(`the metadata service gave no token: ${status}`);
      token = text;
    }
    const { status, text } = await request(noticePath, 'GET', { 'x-aws-ec2-metadata-token': token });
    if (status === 401) token = null;
    else if (status === 200) current = parseInstanceAction(text);
  };

  const watch = async (): Promise<void> => {
    while (!closing.signal.aborted && current === null) {
      await look().catch((err) => closing.signal.aborted || log.debug({ err }, 'the instance metadata did not answer; asking again'));
      if (current) log.warn({ interruption: current }, 'EC2 takes this machine back');
      await sleep(everyMs, undefined, { signal: closing.signal, ref: false }).catch(() => {});
    }
  };
  void watch();

  return {
    get current() {
      return current;
    },
    close: () => closing.abort(),
  };
}
