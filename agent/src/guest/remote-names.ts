// Addresses of a tenant's tasks on other hosts, by name: asked of the control plane when a task asks, and remembered for
// as long as the answer may be by those who get it. While the control plane is away, what it last said goes on.
import { guestPaths, namesResponseSchema } from '@berth/contract';
import type { GuestTask } from './directory.js';
import type { AskGateway } from './gateway-client.js';
import type { NameQuery } from './names.js';
import { rateLimit } from './rate.js';

interface Options {
  readonly ask: AskGateway;
  /** Addresses of this host's own network are known better here; elsewhere they mean another host's tasks. */
  isTaskAddress(address: string): boolean;
  now(): number;
}

interface Known {
  readonly addresses: readonly string[];
  /** When the control plane said so; null if it never said anything. */
  readonly heardAtMs: number | null;
  readonly askedAtMs: number;
}

const freshMs = 5_000;
/** After so long without a control plane, an address is more likely to be another task's. */
const staleMs = 10 * 60_000;
const patienceMs = 1_500;
const keptInAll = 10_000;
const rate = { perSecond: 20, burst: 100 };

export function remoteNames({ ask, isTaskAddress, now }: Options): (asker: GuestTask, query: NameQuery) => Promise<readonly string[]> {
  const known = new Map<string, Known>();
  const asking = new Map<string, Promise<readonly string[]>>();
  const mayAsk = rateLimit(rate);

  const keep = (key: string, entry: Known): readonly string[] => {
    known.delete(key);
    known.set(key, entry);
    for (const oldest of known.keys()) if (known.size > keptInAll) known.delete(oldest);
    return entry.addresses;
  };

  const lookUp = async (key: string, tenantId: string, kind: 'task' | 'family', label: string): Promise<readonly string[]> => {
    try {
      const answer = namesResponseSchema.parse(await ask(guestPaths.names, { tenantId, kind, label }, patienceMs));
      const addresses = answer.addresses.filter((address) => !isTaskAddress(address));
      return keep(key, { addresses, heardAtMs: now(), askedAtMs: now() });
    } catch {
      const { addresses = [], heardAtMs = null } = known.get(key) ?? {};
      const isOld = heardAtMs === null || now() - heardAtMs > staleMs;
      // Asked again as seldom as one that answers, so that a control plane that is away costs its askers little.
      return keep(key, { addresses: isOld ? [] : addresses, heardAtMs, askedAtMs: now() });
    }
  };

  return async ({ spec: { tenantId } }, query) => {
    if (query.kind !== 'task' && query.kind !== 'family') return [];
    const { kind, label } = query;
    const key = `${tenantId} ${kind} ${label}`;
    const last = known.get(key);
    if (last && now() - last.askedAtMs < freshMs) return last.addresses;
    if (!asking.has(key)) {
      if (!mayAsk(tenantId, now())) return last?.addresses ?? [];
      const pending = lookUp(key, tenantId, kind, label).finally(() => asking.delete(key));
      asking.set(key, pending);
    }
    return asking.get(key) as Promise<readonly string[]>;
  };
}
