// Renews the host's certificate by itself when two thirds of its life have passed. The old one serves until the new
// one is stored. Tasks don't depend on it: without a certificate they run on, unseen.
import type { Logger } from 'pino';
import { backoffMs } from './backoff.js';
import { type Identity, validity } from './identity.js';

interface Options {
  current(): Identity;
  /** Asks the gateway for the next one. */
  renew(identity: Identity): Promise<Identity>;
  /** Makes it the current one, durably. */
  store(identity: Identity): Promise<void>;
  readonly log: Logger;
}

const retryRange = { firstMs: 10_000, mostMs: 10 * 60_000 };
/** setTimeout can't wait longer than 2^31 − 1 ms; looking again each hour also copes with a clock that was set. */
const lookAtLeastEveryMs = 3_600_000;

/** When the certificate should be renewed: after two thirds of its life with us. */
export function renewalDueMs({ fromMs, untilMs }: { fromMs: number; untilMs: number }, obtainedAtMs: number): number {
  const from = Math.max(fromMs, obtainedAtMs);
  return Math.round(from + ((untilMs - from) * 2) / 3);
}

/** @returns a function that ends it. */
export function keepRenewed({ current, renew, store, log }: Options): () => void {
  let timer: NodeJS.Timeout;
  let ended = false;
  let attempt = 0;

  function dueMs(): number {
    const { certificate, obtainedAtMs } = current();
    return renewalDueMs(validity(certificate), obtainedAtMs);
  }

  async function look(): Promise<void> {
    const life = validity(current().certificate);
    if (Date.now() < dueMs()) return;
    try {
      const next = await renew(current());
      await store(next);
      attempt = 0;
      log.info({ until: new Date(validity(next.certificate).untilMs).toISOString() }, 'the host’s certificate was renewed');
    } catch (error) {
      attempt += 1;
      const until = new Date(life.untilMs).toISOString();
      const fields = { err: error, attempt, until };
      if (Date.now() < life.untilMs) log.error(fields, 'the host’s certificate could not be renewed; it will be tried again');
      else
        log.error(
          fields,
          'the host’s certificate has expired: the control plane no longer hears of this host. Enrol it with a new host token',
        );
    }
  }

  function plan(): void {
    if (ended) return;
    const untilDueMs = dueMs() - Date.now();
    const afterFailureMs = attempt > 0 ? retryRange.firstMs + backoffMs(attempt, retryRange, Math.random()) : 0;
    timer = setTimeout(() => void look().finally(plan), Math.min(lookAtLeastEveryMs, Math.max(0, untilDueMs, afterFailureMs)));
    timer.unref();
  }

  plan();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
