import type { Command } from 'commander';
import { answer } from '../client.js';
import { hostOf } from '../hosts.js';
import { operatorApi } from '../operator-api.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly force?: boolean;
}

export function addHostRemove(host: Command): void {
  addVerb(host, 'rm <host>', 'Remove a host: its certificate is refused from then on', [
    ['berth host rm web-3', 'an empty one; see "berth host drain"'],
    ['berth host rm --force web-3', 'also with tasks, which then count as lost'],
  ])
    .option('--force', 'also while it has tasks')
    .action(remove);
}

async function remove(name: string, { context, force, output }: Options): Promise<void> {
  const api = operatorApi(context);
  const { id: hostId } = await hostOf(api, name);
  const query = force ? { force: 'true' as const } : {};
  const host = await answer(api.DELETE('/v1/hosts/{hostId}', { params: { path: { hostId }, query } }));
  if (output === 'json') return printJson(host);
  await print(`${host.name} is removed. On the machine itself, bin/join --leave takes away what is left of it.`);
}
