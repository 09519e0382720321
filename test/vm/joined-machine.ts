// The virtual machine as a host: a whole Berth on the machine outside, the agent at work within, and what a tenant and
// the host's operator do from both sides.
import type { Host, LogLine, RunTasksInput, Task, TaskCost } from '@berth/contract';
import { type Api, startApi } from '../support/api.js';
import { freePort } from '../support/cluster.js';
import { startRegistry, type TestImage } from '../support/registry.js';
import { until } from '../support/runtime-task.js';
import { bootMachine, type Machine, outside } from './machine.js';
import { writePayload } from './payload.js';

type Definition = NonNullable<RunTasksInput['definition']>;
type Container = Definition extends { containers: (infer C)[] } ? C : never;

/** What is of interest in a test; the rest has defaults that fit the small machine. */
export interface TaskRequest {
  readonly cpuMillis?: number;
  readonly memoryMiB?: number;
  readonly pidsLimit?: number;
  readonly isolation?: Definition['isolation'];
  readonly volumes?: Definition['volumes'];
  readonly container?: Partial<Container>;
}

export interface JoinedMachine {
  readonly machine: Pick<Machine, 'must'>;
  /** Runs `script` in a shell of the busybox image. @returns the task's id, or `count` of them. */
  run(script: string, request?: TaskRequest): Promise<string>;
  runMany(script: string, count: number): Promise<string[]>;
  task(id: string): Promise<Task>;
  untilRunning(id: string): Promise<Task>;
  untilStopped(id: string): Promise<Task>;
  log(id: string): Promise<string>;
  cost(id: string): Promise<TaskCost>;
  requestStop(id: string): Promise<void>;
  /** What the tenant's request answers, whatever its status. */
  ask<T>(method: 'get' | 'post' | 'patch', path: string, body?: object): Promise<{ status: number; body: T }>;
  /** The one of this name; the machine itself is `virtual`. */
  host(name?: string): Promise<Host | undefined>;
  /** Has the machine join once more, as another host, by bin/join. @param options of bin/join */
  join(options: readonly string[]): Promise<string>;
  /** The first process of a task's container, as a pid of the machine. */
  pidOf(id: string): Promise<number>;
  startAgent(): Promise<void>;
  /** SIGKILL: its containers live on, and nobody starts it again. */
  killAgent(): Promise<void>;
  /** Restarts the machine; the agent is then not running. */
  reboot(): Promise<void>;
  /** The newest lines of the agent's log. */
  agentLog(): Promise<string>;
  close(): Promise<void>;
}

/** The book that comes with Berth asks nothing for what is sent. */
const prices = {
  name: 'vm',
  currency: 'USD',
  startsAt: '2020-01-01T00:00:00.000Z',
  rates: [
    { dimension: 'cpu', price: '1' },
    { dimension: 'egress', price: '1000' },
  ],
};

/** Under emulation everything takes its time. A host that is late is not lost. */
const patience = { BERTH_HOST_UNREACHABLE_AFTER_MS: '120000', BERTH_HOST_LOST_AFTER_MS: '900000' };

/**
 * @param image the directory that image.sh has printed
 * @param images what the registry has beside busybox, by name
 */
export async function joinMachine(image: string, images: Readonly<Record<string, TestImage>> = {}): Promise<JoinedMachine> {
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const registry = await startRegistry();
    closing.push(() => registry.stop());
    for (const [name, made] of Object.entries({ busybox: {}, ...images })) await registry.push(name, made);
    const gatewayPort = await freePort();
    const gatewayUrl = `wss://${outside}:${gatewayPort}`;
    const api = await startApi({
      BERTH_GATEWAY_PORT: String(gatewayPort),
      BERTH_GATEWAY_URL: gatewayUrl,
      BERTH_DEFAULT_REGISTRY: registry.address,
      BERTH_INSECURE_REGISTRIES: registry.address,
      ...patience,
    });
    closing.push(() => api.stop());
    const tenant = await api.newTenant();
    await api.as(api.operatorKey).post('/v1/price-books').send(prices).expect(201);
    const agreement = { book: prices.name, startsAt: thisHour() };
    await api.as(api.operatorKey).post(`/v1/tenants/${tenant.id}/prices`).send(agreement).expect(200);
    const machine = await bootMachine({ image, payload: writePayload });
    closing.push(() => machine.stop());
    await machine.must('cat >/etc/berth-agent.env', { input: await agentEnvironment(api, gatewayUrl, registry.address) });
    const joined = control(machine, api, tenant.key, Number(registry.address.split(':')[1]), close);
    await joined.startAgent();
    return joined;
  } catch (error) {
    await close();
    throw error;
  }
}

/** Prices change on the hour: what is agreed for now holds from the next one on. */
function thisHour(): string {
  const msPerHour = 3_600_000;
  return new Date(Math.floor(Date.now() / msPerHour) * msPerHour).toISOString();
}

async function agentEnvironment(api: Api, gatewayUrl: string, registry: string): Promise<string> {
  const { body } = await api.as(api.operatorKey).post('/v1/host-tokens').send({}).expect(201);
  const environment = {
    BERTH_AGENT_DATA: '/var/lib/berth/agent',
    BERTH_GATEWAY_URL: gatewayUrl,
    BERTH_HOST_TOKEN: (body as { token: string }).token,
    BERTH_HOST_NAME: 'virtual',
    BERTH_INSECURE_REGISTRIES: registry,
    BERTH_AGENT_POOL_SIZE: '4',
  };
  return Object.entries(environment)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function control(machine: Machine, api: Api, key: string, registryPort: number, close: () => Promise<void>): JoinedMachine {
  const get = async <T>(path: string) => (await api.as(key).get(path).expect(200)).body as T;
  const runTasks = async (script: string, request: TaskRequest, count: number) => {
    const { container, ...sizes } = request;
    const main = { name: 'main', image: 'busybox', command: ['sh', '-c', script], stopTimeoutSeconds: 10, ...container };
    const definition = { family: 'vm', cpuMillis: 50, memoryMiB: 48, ...sizes, containers: [main] };
    const { body } = await api.as(key).post('/v1/tasks').send({ definition, count }).expect(201);
    return (body as { items: Task[] }).items.map(({ id }) => id);
  };
  const task = (id: string) => get<Task>(`/v1/tasks/${id}`);
  const untilState = (id: string, ...states: Task['state'][]) =>
    until(async () => {
      const found = await task(id);
      return states.includes(found.state) && found;
    });
  const host = async (name = 'virtual') => {
    const { body } = await api.as(api.operatorKey).get('/v1/hosts').expect(200);
    return (body as { items: Host[] }).items.find((one) => one.name === name);
  };
  return {
    machine,
    run: async (script, request = {}) => (await runTasks(script, request, 1))[0] as string,
    runMany: (script, count) => runTasks(script, {}, count),
    task,
    untilRunning: (id) => untilState(id, 'running', 'stopped'),
    untilStopped: (id) => untilState(id, 'stopped'),
    log: async (id) => (await get<{ items: LogLine[] }>(`/v1/tasks/${id}/logs`)).items.map(({ text }) => text).join('\n'),
    cost: (id) => get<TaskCost>(`/v1/tasks/${id}/cost`),
    requestStop: async (id) => {
      await api
        .as(key)
        .post(`/v1/tasks/${id}/stop`)
        .send({})
        .expect((answer) => answer.ok);
    },
    ask: async (method, path, body) => {
      const answer = await api.as(key)[method](path).send(body);
      return { status: answer.status, body: answer.body };
    },
    host,
    join: async (options) => {
      const { body } = await api.as(api.operatorKey).post('/v1/host-tokens').send({}).expect(201);
      const { token, joinUrl } = body as { token: string; joinUrl: string };
      return machine.must(`/berth/bin/join ${joinUrl} ${token} ${options.join(' ')}`);
    },
    pidOf: async (id) => Number(await machine.must(`cat /run/berth/tasks/${id}/containers/main/pid`)),
    async startAgent() {
      const since = Date.now();
      // The registry's address is one of the loopback, within as outside.
      await machine.forward(registryPort);
      await machine.must('systemctl start berth-agent');
      await until(async () => {
        const found = await host();
        return found?.state === 'active' && Date.parse(found.lastSeenAt ?? '') > since;
      });
    },
    async killAgent() {
      await machine.must(
        'systemctl kill --kill-whom=main --signal=SIGKILL berth-agent; while systemctl is-active berth-agent; do sleep 0.2; done',
      );
    },
    reboot: () => machine.reboot(),
    agentLog: () => machine.must('journalctl --unit=berth-agent --output=cat --no-pager --lines=60'),
    close,
  };
}
