import type { Command } from 'commander';
import { answer } from '../client.js';
import { hostOf } from '../hosts.js';
import { operatorApi } from '../operator-api.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly reason?: string;
}

/** `cordon` and `uncordon`. */
export function addHostAvailability(host: Command): void {
  addVerb(host, 'cordon <host>', 'Give a host no new tasks; those it has stay', [
    ['berth host cordon web-3 --reason "new disks"', 'until it is uncordoned'],
  ])
    .option('--reason <text>', 'shown in the host’s events')
    .action((name: string, options: Options) => change('cordon', name, options));
  addVerb(host, 'uncordon <host>', 'Give a host tasks again; a drain is called off', [['berth host uncordon web-3', 'opens it']]).action(
    (name: string, options: Options) => change('uncordon', name, options),
  );
}

async function change(what: 'cordon' | 'uncordon', name: string, { context, reason, output }: Options): Promise<void> {
  const api = operatorApi(context);
  const { id: hostId } = await hostOf(api, name);
  const params = { path: { hostId } };
  const host = await answer(
    what === 'cordon'
      ? api.POST('/v1/hosts/{hostId}/cordon', { params, body: reason === undefined ? {} : { reason } })
      : api.POST('/v1/hosts/{hostId}/uncordon', { params }),
  );
  if (output === 'json') return printJson(host);
  await print(`${host.name} is ${host.state}.`);
}
