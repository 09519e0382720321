import { expect, it } from 'vitest';
import { fleet, host, task } from '../../../test/support/placement-fleet.js';
import { explain } from './explanation.js';

it('counts hosts by what they lack, and names the nearest', () => {
  const engine = fleet(host('h1'), host('h2'), host('b1', { zone: 'b' }), host('h3'));
  engine.apply({ kind: 'drain', host: 'h3' });
  engine.place(task('1', { size: { cpuMillis: 2500, memoryMiB: 128 } }, { pin: { host: 'h1' } }));
  engine.place(task('2', { size: { cpuMillis: 3000, memoryMiB: 128 } }, { pin: { host: 'h2' } }));
  const wanted = task('t', { size: { cpuMillis: 2000, memoryMiB: 128 }, zones: ['a'] });
  expect(explain(engine.world, wanted)).toEqual({
    counts: [
      { miss: 'cpu', hosts: 2 },
      { miss: 'zone', hosts: 1 },
      { miss: 'draining', hosts: 1 },
    ],
    fitting: 0,
    summary: 'none of 4 hosts can take it: 2 short of CPU, 1 in another zone, 1 draining',
    nearest: 'host h1 lacks 500 milli-CPU: 2000 needed, 1500 free',
  });
});

it('says when it is a matter of reservations and not of hosts', () => {
  const engine = fleet(host('h1'));
  engine.apply({ kind: 'reserve', group: 'team', size: { cpuMillis: 4000, memoryMiB: 1 } });
  expect(explain(engine.world, task('t')).summary).toBe('what is free is reserved for capacity groups');
  expect(explain(engine.world, task('t', { tier: 'guaranteed', capacityGroup: 'other' })).summary).toContain('capacity group other');
});
