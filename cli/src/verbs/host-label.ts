import type { Command } from 'commander';
import { answer } from '../client.js';
import { usage } from '../failure.js';
import { hostOf } from '../hosts.js';
import { operatorApi } from '../operator-api.js';
import { pairs } from '../task-row.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly pool?: string;
  readonly zone?: string;
}

export function addHostLabel(host: Command): void {
  addVerb(host, 'label <host> [labels...]', 'Set a host’s attributes, pool and zone', [
    ['berth host label web-3 disk=ssd rack=7', 'sets two'],
    ['berth host label web-3 rack-', 'takes one off'],
    ['berth host label web-3 --pool gpu --zone rack-7', 'moves it to another pool and zone'],
  ])
    .option('--pool <name>', 'the pool')
    .option('--zone <name>', 'the zone; "" for what its agent says')
    .action(label);
}

async function label(name: string, labels: string[], { context, pool, zone, output }: Options): Promise<void> {
  const body = {
    ...(pool !== undefined && { pool }),
    ...(zone !== undefined && { zone: zone === '' ? null : zone }),
    ...(labels.length > 0 && { attributes: Object.fromEntries(labels.map(change)) }),
  };
  if (Object.keys(body).length === 0) throw usage('There is nothing to set.', 'It takes key=value, key-, --pool and --zone.');
  const api = operatorApi(context);
  const { id: hostId } = await hostOf(api, name);
  const host = await answer(api.PATCH('/v1/hosts/{hostId}', { params: { path: { hostId } }, body }));
  if (output === 'json') return printJson(host);
  await print(`${host.name}: pool ${host.pool}, zone ${host.zone}, ${pairs(host.operatorAttributes) ?? 'no attributes of its own'}`);
}

function change(text: string): [string, string | null] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  if (at < 0 && text.length > 1 && text.endsWith('-')) return [text.slice(0, -1), null];
  throw usage(`"${text}" is no label.`, 'Set one by key=value, take one off by key-.');
}
