import type { Host } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { ago, cpu, memory, table } from '../format.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addHosts(program: Command): void {
  addVerb(program, 'hosts', 'List the fleet and what it has left (operators)', [
    ['berth hosts', 'every host, its state and its use'],
  ]).action(hosts);
}

async function hosts({ context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context), { as: 'operator' });
  const { items } = await answer(api.GET('/v1/hosts'));
  if (output === 'json') return printJson(items);
  const now = Date.now();
  await print(
    table(
      ['HOST', 'NAME', 'STATE', 'TASKS', 'CPU USED', 'MEMORY USED', 'LAST SEEN', 'ATTRIBUTES'],
      items.map((host) => row(host, now)),
    ),
  );
}

function row(host: Host, nowMs: number): string[] {
  return [
    host.id.slice(0, 8),
    host.name,
    host.state,
    `${host.tasks} of ${host.taskSlots}`,
    `${cpu(host.usedCpuMillis)} of ${cpu(host.cpuMillis)}`,
    `${memory(host.usedMemoryMiB)} of ${memory(host.memoryMiB)}`,
    host.lastSeenAt ? ago(host.lastSeenAt, nowMs) : 'never',
    ['arch', 'cgroup', 'agentVersion'].flatMap((name) => (host.attributes[name] ? [`${name}=${host.attributes[name]}`] : [])).join(' '),
  ];
}
