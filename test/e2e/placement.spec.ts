// Placement as tenants and operators ask for it: rules, tiers, gangs, simulation, capacity groups.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';
import { eventually } from '../support/fleet-rows.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let tenant: { id: string; key: string };
const hosts: Record<string, string> = {};

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  tenant = await berth.newTenant();
  for (const zone of ['a', 'b']) {
    hosts[zone] = randomUUID();
    await berth.database.query(
      `INSERT INTO hosts (id, name, state, cpu_millis, memory_mib, task_slots, attributes, last_seen_at)
       VALUES ($1, $2, 'active', 4000, 4096, 100, $3, now() + interval '1 hour')`,
      [hosts[zone], `h-${zone}`, JSON.stringify({ zone, arch: 'x64' })],
    );
  }
});
afterAll(async () => {
  await berth?.stop();
  await registry?.stop();
});

const definition = { family: 'app', cpuMillis: 100, memoryMiB: 64, containers: [{ name: 'main', image: 'busybox' }] };
const run = async (body: object, key = tenant.key) =>
  (
    await berth
      .as(key)
      .post('/v1/tasks')
      .send({ definition, ...body })
      .expect(201)
  ).body.items;
const show = async (id: string) => (await berth.as(tenant.key).get(`/v1/tasks/${id}`)).body;
const settled = (id: string) =>
  eventually(async () => {
    const task = await show(id);
    return task.state !== 'pending' || task.pending ? task : null;
  });

describe('tasks', () => {
  it('go where the request says, field by field before the definition', async () => {
    const placement = { zones: ['a'], uniqueHost: true };
    const [task] = await run({ definition: { ...definition, placement }, placement: { zones: ['b'] }, group: 'web' });
    expect(task).toMatchObject({ capacityTier: 'flex', group: 'web' });
    expect((await settled(task.id)).host).toMatchObject({ name: 'h-b' });
    const shown = await berth.as(tenant.key).get(`/v1/task-definitions/${task.taskDefinition}`);
    expect(shown.body.placement).toEqual(placement);
    const [second] = await run({ definition: { ...definition, placement }, placement: { zones: ['b'] }, group: 'web' });
    expect((await settled(second.id)).pending.summary).toBe('1 of the group on 1 host, which is the most that is allowed');
  });

  it('say what is wrong with what they ask', async () => {
    const refused = async (body: object) =>
      (
        await berth
          .as(tenant.key)
          .post('/v1/tasks')
          .send({ definition, ...body })
      ).status;
    expect(await refused({ placement: { zone: 'a' } })).toBe(422);
    expect(await refused({ placement: { attributes: [{ key: 'rack', operator: 'in' }] } })).toBe(422);
    expect(await refused({ capacityTier: 'gold' })).toBe(422);
    expect(await refused({ gang: { min: 3 }, count: 2 })).toBe(422);
  });

  it('of a gang wait for each other', async () => {
    const tasks = await run({ definition: { ...definition, cpuMillis: 3000 }, count: 3, gang: {} });
    expect((await settled(tasks[0].id)).pending.summary).toBe('there is not room for all 3 tasks of its gang at once');
    expect(new Set(tasks.map(({ gangId }: { gangId: string }) => gangId)).size).toBe(1);
    await berth.as(tenant.key).post(`/v1/tasks/${tasks[1].id}/stop`).send({}).expect(200);
    expect((await eventually(async () => ((await show(tasks[0].id)).host ? show(tasks[2].id) : null))).host).not.toBeNull();
    for (const index of [0, 2])
      await berth.database.query("UPDATE tasks SET state = 'stopped', stop_code = 'UserInitiated' WHERE id = $1", [tasks[index].id]);
  });

  it('of the tier spot leave when another needs the place, with notice and by name', async () => {
    const large = { ...definition, cpuMillis: 3700 };
    const spots = await run({ definition: large, count: 2, capacityTier: 'spot', placement: { zones: ['a', 'b'] } });
    await eventually(async () => (await show(spots[0].id)).host && (await show(spots[1].id)).host);
    const [task] = await run({ definition: large });
    const told = await eventually(async () =>
      (await Promise.all(spots.map(({ id }: { id: string }) => show(id)))).find((spot) => spot.replacedBy),
    );
    expect(told).toMatchObject({ replacedBy: task.id, desiredState: 'stopped', capacityTier: 'spot' });
    const { body } = await berth.as(tenant.key).get(`/v1/tasks/${told.id}/events`);
    expect(body.items.at(-1)).toMatchObject({
      type: 'interruption-notice',
      reason: `task ${task.id} needs its place; it has 120 s to end`,
    });
    expect((await eventually(async () => ((await show(task.id)).pending ? show(task.id) : null))).pending.summary).toMatch(
      /waits for a spot task/,
    );
    await berth.database.query("UPDATE tasks SET state = 'stopped', stop_code = 'SpotInterruption', stopped_at = now() WHERE id = $1", [
      told.id,
    ]);
    expect((await eventually(async () => ((await show(task.id)).host ? show(task.id) : null))).host).toEqual(told.host);
    await berth.database.query(
      "UPDATE tasks SET state = 'stopped', stop_code = 'UserInitiated', stopped_at = now() WHERE state <> 'stopped'",
    );
  });

  it('of the tier spot leave only as their disruption budget allows, also when another comes right after', async () => {
    const large = { ...definition, cpuMillis: 3700 };
    const spots = await run({ definition: large, count: 2, capacityTier: 'spot', disruptionBudget: { maxUnavailable: 1 } });
    await eventually(async () => (await show(spots[0].id)).host && (await show(spots[1].id)).host);
    await berth.database.query("UPDATE tasks SET state = 'running', started_at = now() WHERE state = 'placed'");
    const { body: trial } = await berth.as(tenant.key).post('/v1/placements:simulate').send({ definition: large, count: 2 }).expect(200);
    expect(trial).toMatchObject({ placed: 1, tasks: [{ evicts: 1 }, { host: null }] });
    const leaving = async () =>
      (await Promise.all(spots.map(({ id }: { id: string }) => show(id)))).filter(({ desiredState }) => desiredState === 'stopped');
    const [first] = await run({ definition: large });
    const [told] = await eventually(async () => ((await leaving()).length > 0 ? leaving() : null));
    expect(told.replacedBy).toBe(first.id);
    await berth.database.query("UPDATE tasks SET state = 'stopped', stop_code = 'SpotInterruption', stopped_at = now() WHERE id = $1", [
      told.id,
    ]);
    await eventually(async () => (await show(first.id)).host);
    const [second] = await run({ definition: large });
    expect((await settled(second.id)).pending.summary).toMatch(/needs 3700m CPU/);
    expect(await leaving()).toHaveLength(1);
    // What was missed counts for an hour.
    await berth.database.query("UPDATE evictions SET begun_at = now() - interval '61 minutes'");
    await eventually(async () => (await leaving()).length === 2);
    await berth.database.query(
      "UPDATE tasks SET state = 'stopped', stop_code = 'UserInitiated', stopped_at = now() WHERE state <> 'stopped'",
    );
  });
});

describe('a simulation', () => {
  it('says where, why, how soon and at what price, and runs nothing', async () => {
    const before = await berth.as(tenant.key).get('/v1/tasks?limit=500');
    const simulate = async (body: object) =>
      (
        await berth
          .as(tenant.key)
          .post('/v1/placements:simulate')
          .send({ definition, ...body })
          .expect(200)
      ).body;
    const fits = await simulate({ count: 2, placement: { zones: ['a'] } });
    expect(fits).toMatchObject({ placed: 2, pending: null, price: { currency: 'USD' } });
    expect(fits.tasks[0]).toMatchObject({
      host: { name: 'h-a', zone: 'a' },
      evicts: 0,
      placement: expect.stringMatching(/^best fit: leaves /),
    });
    expect(fits.queue.etaMs).toBeLessThan(1000);
    expect(Number(fits.price.perHour)).toBeCloseTo(2 * (0.1 * 0.03 + (64 / 1024) * 0.0033), 6);
    const none = await simulate({ definition: { ...definition, memoryMiB: 8192 } });
    expect(none).toMatchObject({ placed: 0, tasks: [{ host: null }], queue: { etaMs: null } });
    expect(none.pending.summary).toBe('needs 8192 MiB; the largest host has 4096 MiB in all');
    expect((await berth.as(tenant.key).get('/v1/tasks?limit=500')).body.items).toHaveLength(before.body.items.length);
  });
});

describe('capacity groups', () => {
  const put = (name: string, body: object) => berth.as(berth.operatorKey).put(`/v1/capacity-groups/${name}`).send(body);

  it('keep capacity for their tenants’ guaranteed tasks', async () => {
    const reserved = { cpuMillis: 8000, memoryMiB: 8192, tenants: [tenant.id] };
    expect((await put('payments', reserved).expect(200)).body).toMatchObject({ name: 'payments', usedCpuMillis: 0, tenants: [tenant.id] });
    const stranger = await berth.newTenant();
    const [theirs] = await run({}, stranger.key);
    const reason = async () => (await berth.as(stranger.key).get(`/v1/tasks/${theirs.id}`)).body.pending?.summary;
    expect(await eventually(reason)).toBe('what is free is reserved for capacity groups');
    const [task] = await run({ capacityTier: 'guaranteed' });
    expect((await settled(task.id)).host).not.toBeNull();
    expect((await berth.as(berth.operatorKey).get('/v1/capacity-groups/payments').expect(200)).body).toMatchObject({ usedCpuMillis: 100 });
    expect((await put('others', reserved).expect(409)).body.code).toBe('tenant_has_capacity_group');
    await put('others', { ...reserved, tenants: [randomUUID()] }).expect(404);
    await berth.as(berth.operatorKey).delete('/v1/capacity-groups/payments').expect(200);
    expect(await eventually(async () => (await berth.as(stranger.key).get(`/v1/tasks/${theirs.id}`)).body.host)).not.toBeNull();
  });
});
