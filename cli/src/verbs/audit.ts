import type { AuditEvent } from '@berth/contract';
import { type Command, Option } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { exitCodes } from '../exit-codes.js';
import { Failure, usage } from '../failure.js';
import { table } from '../format.js';
import { sinceOption, wholeNumber } from '../option-values.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface ListOptions extends CommonOptions {
  readonly platform?: boolean;
  readonly limit: number;
  readonly since?: string;
  readonly action?: string;
  readonly outcome?: AuditEvent['outcome'];
}

export function addAudit(program: Command): void {
  const audit = addVerb(program, 'audit', 'Show who changed what, and who was denied what', [
    ['berth audit --since 1d', 'newest last'],
    ['berth audit --outcome denied', 'what was refused'],
    ['berth audit --platform', 'what operators did (operators)'],
    ['berth audit verify', 'that nothing in it was changed or taken out'],
  ])
    .option('--platform', 'of the platform, in place of the tenant’s (operators)')
    .option('--limit <count>', 'at most so many', wholeNumber('--limit', 1, 500), 50)
    .option('--since <time>', 'a time, or how long ago')
    .option('--action <name>', 'of this kind, such as runTasks')
    .addOption(new Option('--outcome <outcome>', 'with this end').choices(['done', 'failed', 'denied', 'unknown']))
    .action(list);
  addVerb(audit, 'verify', 'Check that nothing was changed or taken out', [
    ['berth audit verify', 'computes every hash anew; fails if one does not fit'],
    ['berth audit verify --noted 1041:9f2c…', 'and that this event, noted before, is still there'],
  ])
    .option('--platform', 'of the platform, in place of the tenant’s (operators)')
    .option('--noted <sequence:hash>', 'the end of the trail, as an earlier check printed it')
    .action(verify);
}

async function list({ context, output, platform, limit, since, action, outcome }: ListOptions): Promise<void> {
  const api = connect(currentContext(context), platform ? { as: 'operator' } : {});
  const query = {
    limit,
    ...(since === undefined ? {} : { since: sinceOption(since, Date.now()) }),
    ...(action === undefined ? {} : { action }),
    ...(outcome === undefined ? {} : { outcome }),
  };
  const { items } = await (platform
    ? answer(api.GET('/v1/platform-audit', { params: { query } }))
    : answer(api.GET('/v1/audit', { params: { query } })));
  const oldestFirst = [...items].reverse();
  if (output === 'json') return printJson(oldestFirst);
  await print(table(['#', 'TIME', 'WHO', 'FROM', 'WHAT', 'OUTCOME', 'TARGET'], oldestFirst.map(row)));
}

function row({ sequence, at, actor, ip, action, outcome, status, count, target }: AuditEvent): string[] {
  const times = count > 1 ? ` ×${count}` : '';
  return [String(sequence), at.slice(0, 19).replace('T', ' '), actor.name, ip, action, `${outcome} ${status ?? ''}${times}`, target];
}

async function verify({ context, output, platform, noted }: CommonOptions & { platform?: boolean; noted?: string }): Promise<void> {
  const api = connect(currentContext(context), platform ? { as: 'operator' } : {});
  const params = { query: noted === undefined ? {} : notedHead(noted) };
  const found = await (platform
    ? answer(api.GET('/v1/platform-audit/verification', { params }))
    : answer(api.GET('/v1/audit/verification', { params })));
  if (output === 'json') await printJson(found);
  if (found.broken) {
    const reason = `The audit trail is broken at event ${found.broken.sequence}: ${found.broken.reason}.`;
    throw new Failure(reason, { hint: 'Compare it with a backup of the database.', exitCode: exitCodes.failed });
  }
  if (output !== 'json')
    await print(`${found.events} events, all as they were written.${found.head ? ` End: ${found.head.sequence}:${found.head.hash}` : ''}`);
}

function notedHead(text: string): { sequence: number; hash: string } {
  const [, sequence, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (sequence === undefined || hash === undefined)
    throw usage(`--noted does not take "${text}".`, 'It takes what "berth audit verify" printed after "End:".');
  return { sequence: Number(sequence), hash };
}
