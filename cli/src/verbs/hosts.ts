import type { Command } from 'commander';
import { answer } from '../client.js';
import { table } from '../format.js';
import { hostHead, hostRow } from '../host-row.js';
import { operatorApi } from '../operator-api.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

/** `berth hosts`, and `berth host ls`. */
export function addHosts(program: Command, name = 'hosts'): void {
  addVerb(program, name, 'List the fleet and what it has left (operators)', [
    [name === 'hosts' ? 'berth hosts' : `berth host ${name}`, 'every host, its state and its use'],
  ]).action(hosts);
}

async function hosts({ context, output }: CommonOptions): Promise<void> {
  const { items } = await answer(operatorApi(context).GET('/v1/hosts'));
  if (output === 'json') return printJson(items);
  const now = Date.now();
  await print(
    table(
      hostHead,
      items.map((host) => hostRow(host, now)),
    ),
  );
}
