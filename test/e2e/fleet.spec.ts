// Pools against a server that speaks EC2's protocol, whose instances boot simulated agents by their user data: growing,
// shrinking, and everything that goes wrong in between. The same with real agents and containers is test/host/fleet.spec.ts.
import type { HostId, Machine, Pool, TaskId } from '@berth/contract';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { Authority } from '../../src/agents/pki.service.js';
import { SignalBus } from '../../src/db/signals.js';
import { type ControlPlane, startControlPlane } from '../support/control-plane.js';
import type { CloudInstance } from '../support/ec2-cloud.js';
import { ec2Credentials, fieldsOf } from '../support/ec2-query.js';
import { type Ec2Server, startEc2 } from '../support/ec2-server.js';
import { addTasks, eventually, newWorld, stateCounts, type World } from '../support/fleet-rows.js';

const region = 'eu-central-1';
const zones = { 'subnet-0000000a': 'eu-central-1a', 'subnet-0000000b': 'eu-central-1b' };
const capacities: Readonly<Record<string, { cpuMillis: number; memoryMiB: number; taskSlots: number }>> = {
  'm7i.large': { cpuMillis: 2000, memoryMiB: 8000, taskSlots: 100 },
  'c7i.large': { cpuMillis: 2000, memoryMiB: 4000, taskSlots: 100 },
};

let server: Ec2Server;
let plane: ControlPlane;
let world: World;
/** The next instances boot nothing. */
let deaf: number;

beforeEach(async () => {
  process.env.AWS_ACCESS_KEY_ID = ec2Credentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = ec2Credentials.secretAccessKey;
  deaf = 0;
  server = await startEc2({
    region,
    zones,
    launchTemplates: ['lt-0123456789abcdef0'],
    boot: bootSimulated,
    listedAfterMs: 300,
    pageSize: 3,
  });
  plane = await startControlPlane(inject('databaseUrl'), {
    BERTH_EC2_REGION: region,
    BERTH_EC2_ENDPOINT: server.endpoint,
    BERTH_FLEET_INTERVAL_MS: '100',
    BERTH_FLEET_STRAY_GRACE_MS: '1000',
  });
  world = await newWorld(plane.db);
});
afterEach(async () => {
  await plane?.destroy();
  await server?.close();
});

/** Does what the script would make the real agent do. */
async function bootSimulated({ userData, type }: CloudInstance) {
  if (deaf-- > 0) return { end: async () => {} };
  const exported = (name: string) => new RegExp(`^export ${name}='(.*)'$`, 'm').exec(userData)?.[1] ?? '';
  const agent = await startSimAgent({
    gatewayUrl: exported('BERTH_GATEWAY_URL'),
    admission: { token: exported('BERTH_HOST_TOKEN') },
    name: exported('BERTH_HOST_NAME'),
    capacity: capacities[type] ?? { cpuMillis: 1000, memoryMiB: 1000, taskSlots: 10 },
    reconnect: { firstMs: 20, mostMs: 200 },
  });
  return { end: () => agent.stop() };
}

const rules = {
  name: 'main',
  launchTemplate: { id: 'lt-0123456789abcdef0' },
  instanceTypes: [{ name: 'm7i.large', cpuMillis: 2000, memoryMiB: 8000, onDemandPrice: '0.1', spotPrice: '0.04' }],
  zones: Object.entries(zones).map(([subnetId, name]) => ({ name, subnetId })),
  maxHosts: 6,
  cooldownSeconds: 1,
  bootScript: 'exit 0\n',
};
const makePool = async (more: object = {}) => {
  const { status, body } = await plane.ask<Pool>('POST', '/v1/pools', { ...rules, ...more });
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
};
const machines = async () => (await plane.ask<{ items: Machine[] }>('GET', '/v1/pools/main/machines')).body.items;
const inState = async (state: string) => (await machines()).filter((one) => one.state === state);
const counts = (expected: Record<string, number>) =>
  eventually(async () => JSON.stringify(await stateCounts(plane.db)) === JSON.stringify(expected));

/** Tasks of a CPU: two fill a machine. */
async function run(count: number): Promise<TaskId[]> {
  const ids = await addTasks(plane.db, world, count, { cpuMillis: 1000, memoryMiB: 64 });
  plane.app.get(SignalBus).send('pending', null);
  return ids;
}

async function stop(ids: readonly TaskId[]): Promise<void> {
  const [rows]: [{ host_id: HostId }[], number] = await plane.db.query(
    `UPDATE tasks SET desired_state = 'stopped', desired_stop_code = 'UserInitiated', desired_stop_reason = 'enough' WHERE id = ANY($1) RETURNING host_id`,
    [ids],
  );
  plane.app.get(SignalBus).send('desired', [...new Set(rows.map(({ host_id }) => host_id))]);
}

describe('a pool', () => {
  it('grows from 1 host to 5 for what waits, and shrinks to 1 when it is over', async () => {
    await makePool({ minHosts: 1 });
    await eventually(async () => (await inState('joined')).length === 1);
    const ids = await run(10);
    await counts({ running: 10 });
    // A machine has joined when the fleet's next look sees it, a moment after its first task may run.
    await eventually(async () => (await inState('joined')).length === 5);
    expect((await plane.ask<Pool>('GET', '/v1/pools/main')).body).toMatchObject({ machines: { joined: 5 }, hourlyPrice: '0.5000' });
    expect(server.cloud.alive).toHaveLength(5);
    const hosts: { zone: string; pool: string; tasks: number }[] = await plane.db.query(
      'SELECT h.zone, h.pool, count(t.id)::int AS tasks FROM hosts h LEFT JOIN tasks t ON t.host_id = h.id GROUP BY h.id',
    );
    expect(hosts.map(({ tasks }) => tasks)).toEqual([2, 2, 2, 2, 2]);
    expect(new Set(hosts.map(({ zone }) => zone)).size).toBe(2);
    expect(new Set(hosts.map(({ pool }) => pool))).toEqual(new Set(['main']));
    await stop(ids);
    await eventually(async () => (await inState('ended')).length === 4);
    expect(await inState('joined')).toHaveLength(1);
    expect(server.cloud.alive).toHaveLength(1);
    expect((await plane.ask<{ items: unknown[] }>('GET', '/v1/hosts')).body.items).toHaveLength(1);
    expect((await machines()).filter((one) => one.state === 'ended').map((one) => one.endReason)).toEqual(
      Array(4).fill('it is not needed'),
    );
  });

  it('says why each machine is there', async () => {
    await makePool();
    await run(1);
    await counts({ running: 1 });
    await eventually(async () => (await inState('joined')).length === 1);
    expect(await machines()).toMatchObject([
      { state: 'joined', reason: 'tasks wait that fit on no host', market: 'on-demand', endReason: null },
    ]);
  });

  it('asks once for a machine although the answer is lost', async () => {
    server.loseAnswers.set('RunInstances', 2);
    await makePool();
    await run(2);
    await counts({ running: 2 });
    expect(server.cloud.instances.size).toBe(1);
    expect(await machines()).toHaveLength(1);
  });

  it('asks once although the leader goes down between writing down and asking', async () => {
    const down = { action: 'RunInstances', code: 'Unavailable', status: 503 };
    server.faults.push(...Array.from({ length: 10_000 }, () => down));
    await makePool();
    await run(2);
    const [asked] = await eventually(async () => ((await inState('requested')).length > 0 ? machines() : null));
    await eventually(() => server.calls.includes('RunInstances'));
    plane = await plane.restart();
    server.faults.length = 0;
    await counts({ running: 2 });
    await eventually(async () => (await inState('joined')).length === 1);
    expect(await machines()).toMatchObject([{ id: asked?.id, state: 'joined' }]);
    expect(server.cloud.instances.size).toBe(1);
  });

  it('finds a machine by its tag when the token is no help any more', async () => {
    server.loseAnswers.set('RunInstances', 1);
    await makePool();
    await run(2);
    await eventually(() => server.cloud.alive.length === 1);
    server.faults.push(...Array.from({ length: 10_000 }, () => ({ action: 'RunInstances', code: 'IdempotentParameterMismatch' })));
    await counts({ running: 2 });
    expect(server.cloud.instances.size).toBe(1);
  });

  it('takes another zone or type while EC2 is out of one', async () => {
    server.cloud.outOfStock.add('m7i.large eu-central-1a on-demand').add('m7i.large eu-central-1b on-demand');
    const dearer = { name: 'c7i.large', cpuMillis: 2000, memoryMiB: 4000, onDemandPrice: '0.2' };
    await makePool({ instanceTypes: [...rules.instanceTypes, dearer] });
    await run(2);
    await counts({ running: 2 });
    const joined = await eventually(async () => ((await inState('joined')).length > 0 ? inState('joined') : null));
    expect(joined).toMatchObject([{ instanceType: 'c7i.large' }]);
    const { shortages } = (await plane.ask<Pool>('GET', '/v1/pools/main')).body;
    expect(shortages.map(({ instanceType, zone }) => `${instanceType} ${zone}`)).toEqual([
      'm7i.large eu-central-1a',
      'm7i.large eu-central-1b',
    ]);
    expect((await inState('ended'))[0]?.endReason).toMatch(/sufficient m7i.large capacity/);
  });

  it('leaves EC2 alone when it is told to, and goes on after that', async () => {
    server.faults.push(
      { action: 'RunInstances', code: 'RequestLimitExceeded', status: 503 },
      { action: 'DescribeInstances', code: 'RequestLimitExceeded', status: 503 },
    );
    await makePool();
    await run(2);
    await counts({ running: 2 });
    expect(server.cloud.instances.size).toBe(1);
  });

  it('ends a machine whose agent does not come, and starts another', async () => {
    deaf = 1;
    await makePool();
    await plane.db.query(`UPDATE pools SET settings = settings || '{"joinTimeoutSeconds": 2}'`);
    await run(2);
    await counts({ running: 2 });
    await eventually(async () => (await inState('joined')).length === 1);
    expect((await machines()).at(-1)?.endReason).toBe('its agent did not join within 2 s');
    await eventually(() => server.cloud.alive.length === 1);
  });

  it('forgets a machine that somebody else has ended, and replaces it', async () => {
    await makePool({ minHosts: 1 });
    await run(1);
    await counts({ running: 1 });
    const [instance] = server.cloud.alive;
    await server.cloud.end(instance as CloudInstance);
    await counts({ stopped: 1 });
    await eventually(async () => (await inState('joined')).some(({ instanceId }) => instanceId !== instance?.id));
    expect((await inState('ended'))[0]?.endReason).toBe('EC2 no longer has it');
  });

  it('drains a spot machine that EC2 takes back, after its replacement is asked for', async () => {
    await makePool({ spotPercent: 100, minHosts: 1 });
    const [id] = await run(1);
    await counts({ running: 1 });
    const [instance] = server.cloud.alive;
    expect(instance?.spot).toBe(true);
    expect(instance?.userData).toContain("export BERTH_EC2_METADATA_URL='http://169.254.169.254'\n");
    (instance as CloudInstance).interrupted = true;
    const [draining] = await eventually(async () => ((await inState('draining')).length > 0 ? inState('draining') : null));
    expect(draining).toMatchObject({ instanceId: instance?.id, endReason: 'EC2 takes it back in two minutes' });
    const [drain] = await plane.db.query(
      'SELECT cause, extract(epoch FROM deadline_at - started_at)::int AS seconds FROM host_drains WHERE host_id = $1',
      [draining?.hostId],
    );
    expect(drain).toEqual({ cause: 'fleet', seconds: 90 });
    await eventually(async () => (await inState('joined')).length === 1);
    await stop([id as TaskId]);
    await eventually(async () => (await inState('ended')).length === 1);
  });

  it('ends instances of its own that it does not know, and no others', async () => {
    await makePool();
    const launch = (owner: string) => {
      const form = new URLSearchParams({
        InstanceType: 'm7i.large',
        SubnetId: 'subnet-0000000a',
        'LaunchTemplate.LaunchTemplateId': 'lt-0123456789abcdef0',
        'TagSpecification.1.ResourceType': 'instance',
        'TagSpecification.1.Tag.1.Key': 'berth:authority',
        'TagSpecification.1.Tag.1.Value': owner,
      });
      return server.cloud.run(fieldsOf(form));
    };
    deaf = 2;
    const stray = launch(plane.app.get(Authority).fingerprint);
    const foreign = launch('another Berth');
    await eventually(() => stray.state === 'terminated');
    expect(foreign.state).toBe('running');
  });
});

describe('the API', () => {
  it('changes what it is told and refuses what can’t be', async () => {
    await makePool();
    expect((await plane.ask('POST', '/v1/pools', rules)).body).toMatchObject({ code: 'name_taken' });
    expect((await plane.ask('PATCH', '/v1/pools/main', { minHosts: 7 })).body).toMatchObject({
      code: 'invalid_request',
      field: 'minHosts',
    });
    expect((await plane.ask('PATCH', '/v1/pools/main', { idleHosts: 1 })).body).toMatchObject({
      idleHosts: 1,
      maxHosts: 6,
      bootScript: 'exit 0\n',
    });
    expect((await plane.ask('GET', '/v1/pools/other')).status).toBe(404);
    expect((await plane.ask('GET', '/v1/pools/main/machines?cursor=nonsense')).status).toBe(422);
    const bad = { ...rules, name: 'bad', zones: [...rules.zones, rules.zones[0]], minHosts: 1, maxHosts: 0 };
    expect((await plane.ask('POST', '/v1/pools', bad)).body).toMatchObject({ code: 'invalid_request' });
  });

  it('deletes a pool that has no machines, and no other', async () => {
    await makePool({ minHosts: 1 });
    await eventually(async () => (await inState('joined')).length === 1);
    expect((await plane.ask('DELETE', '/v1/pools/main')).body).toMatchObject({ code: 'pool_in_use' });
    await plane.ask('PATCH', '/v1/pools/main', { minHosts: 0, maxHosts: 0 });
    await eventually(async () => (await plane.ask('DELETE', '/v1/pools/main')).status === 200);
    expect((await plane.ask<{ items: Pool[] }>('GET', '/v1/pools')).body.items).toEqual([]);
    expect(server.cloud.alive).toEqual([]);
  });

  it('makes no pool where there is no way to EC2', async () => {
    const other = await startControlPlane(inject('databaseUrl'));
    const headers = { authorization: `Bearer ${other.config.operatorKey}`, 'content-type': 'application/json' };
    const answer = await other.app.inject({ method: 'POST', url: '/v1/pools', headers, payload: rules });
    expect(answer.json()).toMatchObject({ code: 'ec2_not_configured' });
    await other.destroy();
  });
});
