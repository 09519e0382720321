// Security groups over the API, and tasks that are in them.
import type { SecurityGroup, Task } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let key: string;

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  key = (await berth.newTenant()).key;
});
afterAll(async () => {
  await berth?.stop();
  await registry?.stop();
});

const api = () => berth.as(key);
const problem = (answer: { status: number; body: { code?: string; field?: string } }) => [
  answer.status,
  answer.body.code,
  answer.body.field,
];
const web = { name: 'web', ingress: [{ protocol: 'tcp', fromPort: 80, toPort: 80, source: { cidr: '0.0.0.0/0' } }] };

async function run(changes: object, definition: object = {}) {
  const body = { definition: { family: 'net', containers: [{ name: 'main', image: 'busybox' }], ...definition }, ...changes };
  return api().post('/v1/tasks').send(body);
}

describe('a security group', () => {
  it('is made, shown, listed, changed by whole lists, and deleted', async () => {
    const { body: made } = await api().post('/v1/security-groups').send(web).expect(201);
    expect(made).toMatchObject({ name: 'web', version: 1, tasks: 0, egress: [{ protocol: 'all', destination: { cidr: '0.0.0.0/0' } }] });
    expect((await api().get('/v1/security-groups').expect(200)).body.items.map((group: SecurityGroup) => group.name)).toEqual([
      'default',
      'web',
    ]);
    const ingress = [{ protocol: 'all', source: { group: 'web' } }];
    const { body: changed } = await api().patch('/v1/security-groups/web').send({ ingress }).expect(200);
    expect(changed).toMatchObject({ ingress, egress: made.egress, version: 2 });
    const { body: described } = await api().patch('/v1/security-groups/web').send({ description: 'the front' }).expect(200);
    expect(described).toMatchObject({ description: 'the front', ingress, version: 2 });
    await api().delete('/v1/security-groups/web').expect(200);
    await api().get('/v1/security-groups/web').expect(404);
  });

  it('is there for every tenant by the name “default”, and stays', async () => {
    const { body } = await api().get('/v1/security-groups/default').expect(200);
    expect(body.ingress).toEqual([{ protocol: 'all', source: { group: 'default' } }]);
    expect(problem(await api().delete('/v1/security-groups/default'))).toEqual([409, 'security_group_in_use', undefined]);
  });

  it.each([
    ['a name that is taken', { ...web, name: 'default' }, [409, 'name_taken', 'name']],
    [
      'bits behind the prefix',
      { name: 'x', ingress: [{ protocol: 'all', source: { cidr: '10.0.0.1/8' } }] },
      [422, 'invalid_request', 'ingress.0.source.cidr'],
    ],
    [
      'a group that is not there',
      { name: 'x', ingress: [{ protocol: 'all', source: { group: 'nobody' } }] },
      [422, 'unknown_security_group', 'ingress.0.source.group'],
    ],
    [
      'ports of ICMP',
      { name: 'x', ingress: [{ protocol: 'icmp', fromPort: 1, toPort: 2, source: { group: 'x' } }] },
      [422, 'invalid_request', 'ingress.0.fromPort'],
    ],
    [
      'a range that is upside down',
      { name: 'x', ingress: [{ protocol: 'tcp', fromPort: 9, toPort: 2, source: { group: 'x' } }] },
      [422, 'invalid_request', 'ingress.0.toPort'],
    ],
    [
      'text for the firewall',
      { name: 'x', ingress: [{ protocol: 'all', source: { cidr: '0.0.0.0/0 accept; drop' } }] },
      [422, 'invalid_request', 'ingress.0.source.cidr'],
    ],
  ])('is refused: %s', async (_, body, expected) => {
    expect(problem(await api().post('/v1/security-groups').send(body))).toEqual(expected);
  });

  it('can name itself, and can’t go while another one names it', async () => {
    await api()
      .post('/v1/security-groups')
      .send({ name: 'one', ingress: [{ protocol: 'all', source: { group: 'one' } }] })
      .expect(201);
    await api()
      .post('/v1/security-groups')
      .send({ name: 'two', egress: [{ protocol: 'all', destination: { group: 'one' } }] })
      .expect(201);
    const answer = await api().delete('/v1/security-groups/one');
    expect([...problem(answer), answer.body.message]).toEqual([
      409,
      'security_group_in_use',
      undefined,
      expect.stringContaining('rules of two'),
    ]);
    await api().delete('/v1/security-groups/two').expect(200);
    await api().delete('/v1/security-groups/one').expect(200);
  });
});

describe('a task', () => {
  it('is in the default group, in those of its definition, or in those of the request', async () => {
    for (const name of ['blue', 'green']) await api().post('/v1/security-groups').send({ name }).expect(201);
    const namesOf = (answer: { body: { items: Task[] } }) => answer.body.items[0]?.securityGroups.map(({ name }) => name);
    expect(namesOf(await run({}))).toEqual(['default']);
    expect(namesOf(await run({}, { securityGroups: ['green', 'blue'] }))).toEqual(['blue', 'green']);
    const overridden = await run({ overrides: { securityGroups: ['green'] } }, { securityGroups: ['blue'] });
    expect(namesOf(overridden)).toEqual(['green']);
    const { body: task } = await api().get(`/v1/tasks/${overridden.body.items[0].id}`).expect(200);
    expect(task).toMatchObject({ securityGroups: [{ name: 'green' }], ports: [], mac: null, address: null });
    expect(problem(await api().delete('/v1/security-groups/green'))).toEqual([409, 'security_group_in_use', undefined]);
    expect((await api().get('/v1/security-groups/green')).body.tasks).toBe(2);
  });

  it('is refused, and none of its request made, when it names a group that is not there', async () => {
    const before = (await api().get('/v1/tasks').expect(200)).body.items.length;
    expect(problem(await run({ count: 3 }, { securityGroups: ['default', 'nobody'] }))).toEqual([
      422,
      'unknown_security_group',
      'securityGroups',
    ]);
    expect((await api().get('/v1/tasks').expect(200)).body.items).toHaveLength(before);
  });

  it.each([
    [
      'a port twice',
      {
        publishedPorts: [
          { containerPort: 80, hostPort: 8080 },
          { containerPort: 81, hostPort: 8080 },
        ],
      },
      'definition.publishedPorts.1.hostPort',
    ],
    [
      'a port of the host that programs connect from',
      { publishedPorts: [{ containerPort: 80, hostPort: 40_000 }] },
      'definition.publishedPorts.0.hostPort',
    ],
    ['no rate at all', { networkMbps: 0 }, 'definition.networkMbps'],
    ['a group twice', { securityGroups: ['default', 'default'] }, 'definition.securityGroups'],
  ])('is refused with %s', async (_, definition, field) => {
    expect(problem(await run({}, definition))).toEqual([422, 'invalid_request', field]);
  });
});
