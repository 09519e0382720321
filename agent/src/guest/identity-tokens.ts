// Tokens of identity for tasks of this host, asked of the control plane, which alone can sign them. One that has more
// than half of its life before it is given again: so a task has one also while the control plane is away for a while.
import { guestPaths, identityTokenResponseSchema } from '@berth/contract';
import type { GuestTask } from './directory.js';
import type { AskGateway } from './gateway-client.js';
import { type IdentityToken, IdentityUnavailable, type TokenSource } from './guest-request.js';

interface Options {
  readonly ask: AskGateway;
  now(): number;
}

const keptInAll = 4096;
const retryAfterMs = 5_000;

export function identityTokens({ ask, now }: Options): TokenSource {
  const kept = new Map<string, IdentityToken>();
  const asking = new Map<string, Promise<IdentityToken>>();
  /** A control plane that is away is not asked again at once, however often a container asks. */
  const failedAtMs = new Map<string, number>();

  async function fetchToken(key: string, task: GuestTask, audience: string): Promise<IdentityToken> {
    const answer = await ask(guestPaths.identityToken, { taskId: task.spec.taskId, audience });
    const { token, issuedAt, expiresAt } = identityTokenResponseSchema.parse(answer);
    const fresh = { token, issuedAtMs: Date.parse(issuedAt), expiresAtMs: Date.parse(expiresAt) };
    kept.delete(key);
    kept.set(key, fresh);
    for (const oldest of kept.keys()) if (kept.size > keptInAll) kept.delete(oldest);
    failedAtMs.delete(key);
    return fresh;
  }

  async function renewed(key: string, task: GuestTask, audience: string): Promise<IdentityToken> {
    const before = kept.get(key);
    const stillGood = before && before.expiresAtMs > now() ? before : null;
    try {
      if (now() - (failedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < retryAfterMs) throw new Error('it was asked a moment ago, in vain');
      const pending = asking.get(key) ?? fetchToken(key, task, audience).finally(() => asking.delete(key));
      asking.set(key, pending);
      return await pending;
    } catch (cause) {
      if (!failedAtMs.has(key) || now() - (failedAtMs.get(key) ?? 0) >= retryAfterMs) remember(failedAtMs, key, now());
      if (stillGood) return stillGood;
      throw new IdentityUnavailable(`The control plane gives no token at the moment: ${(cause as Error).message}`, { cause });
    }
  }

  return (task, audience) => {
    const key = `${task.spec.taskId} ${audience}`;
    const known = kept.get(key);
    const isYoung = known && now() < known.issuedAtMs + (known.expiresAtMs - known.issuedAtMs) / 2;
    return isYoung ? Promise.resolve(known) : renewed(key, task, audience);
  };
}

function remember(map: Map<string, number>, key: string, value: number): void {
  map.set(key, value);
  for (const oldest of map.keys()) if (map.size > keptInAll) map.delete(oldest);
}
