import type { Command } from 'commander';
import { answer } from '../client.js';
import { Failure } from '../failure.js';
import { clockTime, sheet, table } from '../format.js';
import { hostSheet, waitingHead, waitingRows } from '../host-row.js';
import { hostOf } from '../hosts.js';
import { operatorApi } from '../operator-api.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addHostInspect(host: Command): void {
  addVerb(host, 'inspect <host>', 'Show everything about a host, its drain and what happened to it', [
    ['berth host inspect web-3', 'for people'],
    ['berth host inspect web-3 -o json', 'for programs'],
  ]).action(inspect);
}

async function inspect(name: string, { context, output }: CommonOptions): Promise<void> {
  const api = operatorApi(context);
  const host = await hostOf(api, name);
  const params = { path: { hostId: host.id } };
  const [drain, { items: events }] = await Promise.all([
    answer(api.GET('/v1/hosts/{hostId}/drain', { params })).catch(ifNone),
    answer(api.GET('/v1/hosts/{hostId}/events', { params: { ...params, query: { limit: 50 } } })),
  ]);
  if (output === 'json') return printJson({ ...host, drain, events });
  await print(sheet(hostSheet(host, drain, Date.now())));
  if (drain && drain.waiting.length > 0) await print(`\n${table(waitingHead, waitingRows(drain))}`);
  const rows = events.map(({ at, type, reason }) => [`${at.slice(0, 10)} ${clockTime(at)}`, type, reason]);
  if (rows.length > 0) await print(`\n${table(['TIME', 'EVENT', 'REASON'], rows)}`);
}

/** A host that was never drained. */
function ifNone(error: unknown): null {
  if (error instanceof Failure && error.problem?.code === 'host_not_draining') return null;
  throw error;
}
