import type { CapacityGroup } from '@berth/contract';
import type { Command } from 'commander';
import { answer } from '../client.js';
import { cpu, memory, table } from '../format.js';
import { operatorApi } from '../operator-api.js';
import { cpuOption, memoryOption, wholeNumber } from '../option-values.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface SetOptions extends CommonOptions {
  readonly cpu: number;
  readonly memory: number;
  readonly gpus: number;
  readonly tenant: string[];
}

export function addCapacityGroup(program: Command): void {
  const group = program
    .command('capacity-group')
    .summary('Set capacity aside for tenants’ guaranteed tasks (operators)')
    .description('Set capacity aside for tenants’ guaranteed tasks (operators).');
  addVerb(group, 'ls', 'List capacity groups and what is used of them', [['berth capacity-group ls', 'all of them']]).action(list);
  addVerb(group, 'set <name>', 'Make a capacity group, or change all of it', [
    ['berth capacity-group set payments --cpu 64 --memory 256Gi --tenant ID', 'reserves 64 CPUs and 256 GiB'],
  ])
    .requiredOption('-c, --cpu <cpus>', 'CPU that is reserved: 500m, 64', cpuOption)
    .requiredOption('-m, --memory <size>', 'memory that is reserved: 512, 256Gi', memoryOption)
    .option('--gpus <n>', 'GPUs that are reserved', wholeNumber('--gpus', 0, 1_000_000), 0)
    .option('--tenant <id>', 'a tenant of the group; may be given again', (id: string, before: string[]) => [...before, id], [])
    .action(set);
  addVerb(group, 'rm <name>', 'Delete a capacity group', [['berth capacity-group rm payments', 'its tenants’ tasks stay']]).action(remove);
}

async function list({ context, output }: CommonOptions): Promise<void> {
  const api = operatorApi(context);
  const { items } = await answer(api.GET('/v1/capacity-groups'));
  if (output === 'json') return printJson(items);
  await print(table(['NAME', 'CPU USED', 'MEMORY USED', 'GPUS USED', 'TENANTS'], items.map(row)));
}

async function set(name: string, { context, output, cpu: cpuMillis, memory: memoryMiB, gpus, tenant }: SetOptions): Promise<void> {
  const api = operatorApi(context);
  const body = { cpuMillis, memoryMiB, gpus, tenants: tenant };
  const made = await answer(api.PUT('/v1/capacity-groups/{capacityGroup}', { params: { path: { capacityGroup: name } }, body }));
  await (output === 'json' ? printJson(made) : print(made.name));
}

async function remove(name: string, { context, output }: CommonOptions): Promise<void> {
  const api = operatorApi(context);
  const gone = await answer(api.DELETE('/v1/capacity-groups/{capacityGroup}', { params: { path: { capacityGroup: name } } }));
  await (output === 'json' ? printJson(gone) : print(gone.name));
}

function row(group: CapacityGroup): string[] {
  return [
    group.name,
    `${cpu(group.usedCpuMillis)} of ${cpu(group.cpuMillis)}`,
    `${memory(group.usedMemoryMiB)} of ${memory(group.memoryMiB)}`,
    `${group.usedGpus} of ${group.gpus}`,
    `${group.tenants.length}`,
  ];
}
