import type { Command } from 'commander';
import { addHostAvailability } from './host-availability.js';
import { addHostDefrag } from './host-defrag.js';
import { addHostDrain } from './host-drain.js';
import { addHostInspect } from './host-inspect.js';
import { addHostLabel } from './host-label.js';
import { addHostRemove } from './host-rm.js';
import { addHostToken } from './host-token.js';
import { addHosts } from './hosts.js';

export function addHost(program: Command): void {
  const host = program
    .command('host')
    .summary('Add, empty and remove machines of the fleet (operators)')
    .description('Add, empty and remove machines of the fleet (operators).');
  addHosts(host, 'ls');
  for (const add of [addHostInspect, addHostToken, addHostLabel, addHostAvailability, addHostDrain, addHostRemove, addHostDefrag])
    add(host);
}
