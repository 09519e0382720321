// Options of `berth run` that say where tasks may run, and what it would come to.
import { architectures, capacityTiers, type RunTasksInput, type SimulatedPlacement } from '@berth/contract';
import type { Command } from 'commander';
import { usage } from './failure.js';
import { table } from './format.js';

export interface PlacementOptions {
  readonly zone?: string[];
  readonly arch?: string;
  readonly require?: string[];
  readonly uniqueHost?: boolean;
  readonly spread?: boolean;
  readonly zoneBalance?: boolean;
  readonly tier?: string;
  readonly group?: string;
  readonly gang?: boolean;
}

const oneOf = (option: string, words: readonly string[]) => (word: string) => {
  if (!words.includes(word)) throw usage(`${option} takes ${words.join(', ')}, not ${word}.`);
  return word;
};
const gathered = (word: string, before: string[] = []) => [...before, word];

export function addPlacementOptions(command: Command): Command {
  return command
    .option('--zone <zone>', 'only there; may be given again', gathered)
    .option('--arch <architecture>', architectures.join(' or '), oneOf('--arch', architectures))
    .option('--require <key=value>', 'an attribute that the host must have; KEY alone: whatever its value', gathered)
    .option('--unique-host', 'no two of the group on one host')
    .option('--spread', 'over the hosts, in place of the tightest fit')
    .option('--zone-balance', 'evenly over the zones')
    .option('--tier <tier>', capacityTiers.join(', '), oneOf('--tier', capacityTiers))
    .option('--group <name>', 'tasks that are counted together (default: those of the image)')
    .option('--gang', 'with --count: all at once or none');
}

export function placementFields(options: PlacementOptions): Pick<RunTasksInput, 'placement' | 'capacityTier' | 'group' | 'gang'> {
  const placement = {
    ...(options.zone && { zones: options.zone }),
    ...(options.arch !== undefined && { architecture: options.arch as (typeof architectures)[number] }),
    ...(options.require && { attributes: options.require.map(attributeRule) }),
    ...(options.uniqueHost && { uniqueHost: true }),
    ...(options.spread && { strategy: 'spread' as const }),
    ...(options.zoneBalance && { zoneBalance: true }),
  };
  return {
    ...(Object.keys(placement).length > 0 && { placement }),
    ...(options.tier !== undefined && { capacityTier: options.tier as (typeof capacityTiers)[number] }),
    ...(options.group !== undefined && { group: options.group }),
    ...(options.gang && { gang: {} }),
  };
}

function attributeRule(text: string) {
  const at = text.indexOf('=');
  return at < 0
    ? { key: text, operator: 'exists' as const }
    : { key: text.slice(0, at), operator: 'in' as const, values: [text.slice(at + 1)] };
}

/** What `berth run --simulate` prints. */
export function simulationInWords({ tasks, pending, queue, price }: SimulatedPlacement): string {
  const rows = tasks.map(({ host, placement, evicts }) => [
    host?.name ?? '-',
    host?.zone ?? '-',
    [placement ?? pending?.summary ?? '', ...(evicts > 0 ? [`after ${evicts} spot tasks have left`] : [])].join('; '),
  ]);
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const start = queue.startMs === null ? '' : `, running ${seconds(queue.startMs)} later`;
  const eta = queue.etaMs === null ? 'nobody can say when' : `placed in about ${seconds(queue.etaMs)}${start}`;
  return [
    table(['HOST', 'ZONE', 'WHY'], rows),
    '',
    `${queue.ahead} tasks are ahead; ${eta}. ${price.perHour} ${price.currency} an hour (${price.priceBook}).`,
  ].join('\n');
}
