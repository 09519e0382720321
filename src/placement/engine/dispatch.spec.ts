// The order in which tenants are served, and who is woken by what.
import { describe, expect, it } from 'vitest';
import { fleet, host, task } from '../../../test/support/placement-fleet.js';
import { Dispatch } from './dispatch.js';
import type { Engine } from './engine.js';
import type { ShapeSpec } from './types.js';

function dispatchOn(engine: Engine): Dispatch {
  const dispatch = new Dispatch(engine);
  dispatch.fairness.setTotals([8000, 16_384, 0, 0, 0, 0]);
  return dispatch;
}

const submit = (dispatch: Dispatch, tenant: string, ids: readonly string[], shape: Partial<ShapeSpec> = {}) => {
  for (const id of ids) dispatch.submit({ tenant, requests: [task(id, shape)], min: 1 });
};
const order = (dispatch: Dispatch, perTenant = 100) =>
  dispatch
    .pass(perTenant)
    .filter((placement) => placement.placed)
    .map((placement) => placement.task);

describe('dispatch', () => {
  it('serves tenants by what they hold, and first in first out within one', () => {
    const dispatch = dispatchOn(fleet(host('h1'), host('h2')));
    submit(dispatch, 'eager', ['e1', 'e2', 'e3', 'e4']);
    submit(dispatch, 'late', ['l1', 'l2']);
    expect(order(dispatch)).toEqual(['e1', 'l1', 'e2', 'l2', 'e3', 'e4']);
  });

  it('lets a tenant of weight 2 hold twice as much', () => {
    const dispatch = dispatchOn(fleet(host('h1'), host('h2')));
    dispatch.fairness.setWeight('two', 2);
    submit(dispatch, 'one', ['o1', 'o2', 'o3']);
    submit(dispatch, 'two', ['t1', 't2', 't3']);
    expect(order(dispatch)).toEqual(['o1', 't1', 't2', 'o2', 't3', 'o3']);
  });

  it('serves the higher tier first', () => {
    const dispatch = dispatchOn(fleet(host('h1')));
    submit(dispatch, 'x', ['spot'], { tier: 'spot' });
    submit(dispatch, 'y', ['flex'], { tier: 'flex' });
    expect(order(dispatch)).toEqual(['flex', 'spot']);
  });

  it('looks at no more than so many of one tenant a pass', () => {
    const dispatch = dispatchOn(fleet(host('h1')));
    submit(dispatch, 'x', ['1', '2', '3']);
    expect([order(dispatch, 2), order(dispatch, 2)]).toEqual([['1', '2'], ['3']]);
  });

  it('parks what fits nowhere and wakes it, in its old order, when its pools get capacity back', () => {
    const engine = fleet(host('h1'), host('b1', { zone: 'b', capacity: { cpuMillis: 1000, memoryMiB: 1024 } }));
    const dispatch = dispatchOn(engine);
    submit(dispatch, 'x', ['big'], { size: { cpuMillis: 4000, memoryMiB: 1024 }, zones: ['a'] });
    submit(dispatch, 'y', ['inB'], { zones: ['b'] });
    expect(order(dispatch)).toEqual(['big', 'inB']);
    submit(dispatch, 'x', ['w1', 'w2'], { zones: ['a'] });
    expect([order(dispatch), dispatch.parked]).toEqual([[], 2]);
    dispatch.ended('inB');
    expect([order(dispatch), dispatch.parked]).toEqual([[], 2]);
    dispatch.ended('big');
    expect([order(dispatch), dispatch.parked]).toEqual([['w1', 'w2'], 0]);
  });

  it('wakes a gang by the task that found no host, whichever of it that was', () => {
    const dispatch = dispatchOn(fleet(host('a1'), host('b1', { zone: 'b' })));
    submit(dispatch, 'x', ['inB'], { zones: ['b'], size: { cpuMillis: 4000, memoryMiB: 1024 } });
    order(dispatch);
    dispatch.submit({ tenant: 'x', requests: [task('g1', { zones: ['a'] }), task('g2', { zones: ['b'] })], min: 2 });
    expect([order(dispatch), dispatch.parked]).toEqual([[], 1]);
    dispatch.ended('inB');
    expect([order(dispatch), dispatch.parked]).toEqual([['g1', 'g2'], 0]);
  });

  it('wakes who was refused for a reservation when anything comes back', () => {
    const engine = fleet(host('a1'), host('b1', { zone: 'b' }));
    engine.apply({ kind: 'reserve', group: 'team', size: { cpuMillis: 6000, memoryMiB: 1024 } });
    const dispatch = dispatchOn(engine);
    submit(dispatch, 'x', ['1', '2', '3'], { zones: ['a'] });
    expect([order(dispatch), dispatch.parked]).toEqual([['1', '2'], 1]);
    submit(dispatch, 'y', ['mine'], { tier: 'guaranteed', capacityGroup: 'team', zones: ['b'], size: { cpuMillis: 6001, memoryMiB: 16 } });
    expect([order(dispatch), dispatch.parked]).toEqual([[], 2]);
    engine.apply({ kind: 'reserve', group: 'team', size: { cpuMillis: 1000, memoryMiB: 1024 } });
    dispatch.reconsider();
    expect([order(dispatch), dispatch.parked]).toEqual([['3'], 1]);
    dispatch.ended('1');
    submit(dispatch, 'x', ['4']);
    expect([order(dispatch), dispatch.parked]).toEqual([['4'], 1]);
  });

  it('forgets who no longer waits', () => {
    const dispatch = dispatchOn(fleet(host('h1')));
    submit(dispatch, 'x', ['1', '2']);
    submit(dispatch, 'x', ['never'], { zones: ['nowhere'] });
    expect(dispatch.withdraw('x', '1')).toEqual([]);
    expect(order(dispatch)).toEqual(['2']);
    expect([dispatch.withdraw('x', 'never'), dispatch.withdraw('x', 'never'), dispatch.waiting]).toEqual([[], null, 0]);
  });
});
