// The SDK, unchanged, against the stand-in: what Berth's way to EC2 makes of EC2's answers, the bad ones too.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ec2, type Ec2Error } from '../../src/fleet/ec2.service.js';
import type { LaunchOrder } from '../../src/fleet/launch-order.js';
import { ec2Credentials } from './ec2-query.js';
import { type Ec2Server, startEc2 } from './ec2-server.js';

const region = 'eu-central-1';
let server: Ec2Server;
let ec2: Ec2;
let booted: string[];

beforeEach(async () => {
  process.env.AWS_ACCESS_KEY_ID = ec2Credentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = ec2Credentials.secretAccessKey;
  booted = [];
  server = await startEc2({
    region,
    zones: { 'subnet-00000001': 'eu-central-1a' },
    launchTemplates: ['lt-00000001'],
    pageSize: 2,
    boot: async ({ userData }) => {
      booted.push(userData);
      return { end: async () => {} };
    },
  });
  ec2 = new Ec2({ region, endpoint: server.endpoint }, 'this-berth');
});
afterEach(async () => {
  ec2.close();
  await server.close();
});

const order = (machineId: string, more: Partial<LaunchOrder> = {}): LaunchOrder => ({
  machineId,
  poolName: 'main',
  hostName: `main-${machineId}`,
  launchTemplate: { id: 'lt-00000001', version: '$Default' },
  instanceType: 'm7i.large',
  market: 'on-demand',
  subnetId: 'subnet-00000001',
  userData: '#!/bin/sh\necho "<&>"\n',
  tags: { team: 'a&b' },
  ...more,
});
const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    (error: Ec2Error) => error.failure,
  );

describe('EC2', () => {
  it('starts an instance with its user data and tags', async () => {
    const id = await ec2.launch(order('m1'));
    expect(server.cloud.instances.get(id)).toMatchObject({ type: 'm7i.large', zone: 'eu-central-1a', spot: false });
    expect(server.cloud.instances.get(id)?.tags).toEqual({
      Name: 'main-m1',
      team: 'a&b',
      'berth:authority': 'this-berth',
      'berth:pool': 'main',
      'berth:machine': 'm1',
    });
    await expect.poll(() => booted).toEqual(['#!/bin/sh\necho "<&>"\n']);
  });

  it('names the same instance for the same token, and refuses another request with it', async () => {
    const id = await ec2.launch(order('m1'));
    expect(await ec2.launch(order('m1'))).toBe(id);
    expect(await failure(ec2.launch(order('m1', { userData: 'other' })))).toBe('unknown');
    expect(server.cloud.instances.size).toBe(1);
  });

  it('lists its own, page by page, and no other Berth’s', async () => {
    const other = new Ec2({ region, endpoint: server.endpoint }, 'another-berth');
    await other.launch(order('foreign'));
    const ids = await Promise.all(['m1', 'm2', 'm3', 'm4', 'm5'].map((machineId) => ec2.launch(order(machineId))));
    const listed = await ec2.list();
    expect(listed.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(listed.map(({ machineId }) => machineId).sort()).toEqual(['m1', 'm2', 'm3', 'm4', 'm5']);
    expect(server.calls.filter((action) => action === 'DescribeInstances')).toHaveLength(3);
    other.close();
  });

  it('hears that a spot instance is taken back', async () => {
    const id = await ec2.launch(order('m1', { market: 'spot' }));
    expect((await ec2.list())[0]).toMatchObject({ id, interrupted: false });
    (server.cloud.instances.get(id) as { interrupted: boolean }).interrupted = true;
    expect((await ec2.list())[0]).toMatchObject({ id, interrupted: true });
  });

  it('ends instances, and takes those that are gone for ended', async () => {
    const id = await ec2.launch(order('m1'));
    await ec2.terminate(['i-00000000', id, 'i-00000001']);
    await expect.poll(async () => (await ec2.list())[0]?.state).toBe('terminated');
  });

  it.each([
    ['InsufficientInstanceCapacity', 500, 'out-of-stock'],
    ['RequestLimitExceeded', 503, 'throttled'],
    ['Throttling', 400, 'throttled'],
    ['UnauthorizedOperation', 403, 'refused'],
    ['InvalidParameterValue', 400, 'refused'],
    ['InternalError', 500, 'unknown'],
    ['SomethingNew', 503, 'unknown'],
  ])('%s (%i) is %s', async (code, status, expected) => {
    server.faults.push({ action: 'RunInstances', code, status });
    expect(await failure(ec2.launch(order('m1')))).toBe(expected);
  });

  it('does not know what became of a request whose answer is lost, and finds out by asking again', async () => {
    server.loseAnswers.set('RunInstances', 1);
    expect(await failure(ec2.launch(order('m1')))).toBe('unknown');
    expect(await ec2.launch(order('m1'))).toBe([...server.cloud.instances.keys()][0]);
    expect(server.cloud.instances.size).toBe(1);
  });

  it('is refused with a wrong key', async () => {
    process.env.AWS_SECRET_ACCESS_KEY = 'wrong';
    const intruder = new Ec2({ region, endpoint: server.endpoint }, 'this-berth');
    expect(await failure(intruder.launch(order('m1')))).toBe('refused');
    intruder.close();
  });
});
