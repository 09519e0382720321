import type { Command } from 'commander';
import { type Api, answer } from '../client.js';
import { Failure } from '../failure.js';
import { joinCommand } from '../join-command.js';
import { operatorApi } from '../operator-api.js';
import { durationOption, keyValue } from '../option-values.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  /** Milliseconds. */
  readonly validFor: number;
  readonly pool?: string;
  readonly zone?: string;
  readonly label?: Record<string, string>;
}

export function addHostToken(host: Command): void {
  addVerb(host, 'token', 'Make a token that turns one machine into a host, and print the command for that machine', [
    ['berth host token', 'to be used within an hour, once'],
    ['berth host token --valid-for 10m', 'within ten minutes'],
    ['berth host token --pool gpu --zone rack-7 --label disk=ssd', 'for a machine of that kind'],
  ])
    .option('--valid-for <time>', 'from 1m to 24h', durationOption('--valid-for'), 3_600_000)
    .option('--pool <name>', 'the pool that the host is to be in')
    .option('--zone <name>', 'the zone that it is in')
    .option('--label <key=value>', 'an attribute that it is to have; may be given again', keyValue('--label'))
    .action(token);
}

async function token({ context, validFor, pool, zone, label, output }: Options): Promise<void> {
  const body = {
    validForSeconds: Math.round(validFor / 1000),
    ...(pool && { pool }),
    ...(zone && { zone }),
    ...(label && { attributes: label }),
  };
  const api = operatorApi(context);
  const software = await softwareOf(api);
  const made = await answer(api.POST('/v1/host-tokens', { body }));
  if (output === 'json') return printJson({ ...made, joinCommand: joinCommand(made, software) });
  await print(joinCommand(made, software));
  const where = software ? 'Run it as root on the new machine' : 'Run it as root in a checkout of Berth on the new machine';
  note(`${where}, until ${made.expiresAt}. The token is shown only now, and makes one host.`);
}

/** Null when the control plane has none to give. */
async function softwareOf(api: Api) {
  try {
    return await answer(api.GET('/v1/host-software'));
  } catch (error) {
    if (error instanceof Failure && error.problem?.code === 'no_host_software') return null;
    throw error;
  }
}
