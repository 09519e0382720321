import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { durationOption } from '../option-values.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface TokenOptions extends CommonOptions {
  /** Milliseconds. */
  readonly validFor: number;
}

export function addHost(program: Command): void {
  const host = program
    .command('host')
    .summary('Add machines to the fleet (operators)')
    .description('Add machines to the fleet (operators).');
  addVerb(host, 'token', 'Make a token that turns one machine into a host', [
    ['berth host token', 'to be used within an hour, once'],
    ['berth host token --valid-for 10m', 'within ten minutes'],
  ])
    .option('--valid-for <time>', 'from 1m to 24h', durationOption('--valid-for'), 3_600_000)
    .action(token);
}

async function token({ context, validFor, output }: TokenOptions): Promise<void> {
  const api = connect(currentContext(context), { as: 'operator' });
  const made = await answer(api.POST('/v1/host-tokens', { body: { validForSeconds: Math.round(validFor / 1000) } }));
  if (output === 'json') return printJson(made);
  await print(made.token);
  note(`For one agent of ${made.gatewayUrl}, until ${made.expiresAt}. It is shown only now.`);
}
