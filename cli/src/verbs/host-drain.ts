import type { Drain } from '@berth/contract';
import type { Command } from 'commander';
import { type Api, answer } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { drainLine } from '../host-row.js';
import { hostOf } from '../hosts.js';
import { operatorApi } from '../operator-api.js';
import { durationOption } from '../option-values.js';
import { print, printJson, spinner } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  /** Milliseconds. */
  readonly deadline?: number;
  readonly reason?: string;
  readonly wait?: boolean;
}

const lookEveryMs = 1000;

export function addHostDrain(host: Command): void {
  addVerb(host, 'drain <host>', 'Empty a host: its tasks are replaced or end, as their budgets allow, until the deadline', [
    ['berth host drain web-3 --wait', 'within an hour, and shows how far it is'],
    ['berth host drain web-3 --deadline 10m --reason "new kernel"', 'returns at once; the host ends up cordoned'],
    ['berth host drain web-3 --deadline 0', 'all that is left stops now'],
  ])
    .option('--deadline <time>', 'from now; what is left then is stopped (default 1h)', durationOption('--deadline'))
    .option('--reason <text>', 'shown in the events of the host and its tasks')
    .option('--wait', 'show the progress until the host is empty')
    .action(drain);
}

async function drain(name: string, { context, deadline, reason, wait, output }: Options): Promise<void> {
  const api = operatorApi(context);
  const { id: hostId, name: hostName } = await hostOf(api, name);
  const body = { ...(deadline !== undefined && { deadlineSeconds: Math.round(deadline / 1000) }), ...(reason !== undefined && { reason }) };
  const begun = await answer(api.POST('/v1/hosts/{hostId}/drain', { params: { path: { hostId } }, body }));
  const drain = wait ? await untilOver(api, hostId, begun) : begun;
  if (output === 'json') await printJson(drain);
  else await print(`${hostName}: ${drainLine(drain, Date.now())}`);
  if (wait && drain.outcome !== 'drained') process.exitCode = exitCodes.failed;
}

async function untilOver(api: Api, hostId: string, begun: Drain): Promise<Drain> {
  const progress = spinner();
  try {
    let drain = begun;
    while (drain.outcome === null) {
      progress.show(drainLine(drain, Date.now()));
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      drain = await answer(api.GET('/v1/hosts/{hostId}/drain', { params: { path: { hostId } } }));
    }
    return drain;
  } finally {
    progress.stop();
  }
}
