// Containers that wait for each other, are asked how they are, and start again: with a real agent and real containers.
import { type ContainerSpec, healthCheckSchema, restartPolicySchema, type TaskReport } from '@berth/contract';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../../agent/test/tasks.js';
import { type AgentHost, agentHost, shellTask } from '../support/agent-host.js';
import { liveContainers, processesOf, watchProcesses } from '../support/process-watch.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

let registry: TestRegistry;
let host: AgentHost;
let image: string;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  host = await agentHost({ BERTH_INSECURE_REGISTRIES: registry.address });
  await host.start();
});

afterEach(() => {
  const ids = new Set(host.link.reports.map(({ taskId }) => taskId));
  host.stop(...[...ids].map((taskId) => taskSpec({ taskId })));
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

const sh = (name: string, script: string, more: Partial<ContainerSpec> = {}) =>
  containerSpec({ name, image, command: ['sh', '-c', script], stopTimeoutSeconds: 1, ...more });
const task = (...containers: ContainerSpec[]) => taskSpec({ memoryMiB: 64, containers });
const behind = (container: string, condition: 'START' | 'COMPLETE' | 'SUCCESS' | 'HEALTHY') => ({ dependsOn: [{ container, condition }] });
const check = (more: object) => ({ healthCheck: healthCheckSchema.parse({ intervalSeconds: 1, retries: 2, ...more }) });
const again = (more: object = {}) => ({ restartPolicy: restartPolicySchema.parse(more) });
const isRunning = ({ state }: TaskReport) => state === 'running';
const isStopped = ({ state }: TaskReport) => state === 'stopped';
const times = (report: TaskReport, name: string) => {
  const { startedAt, finishedAt } = report.containers.find((container) => container.name === name) ?? {};
  return { from: Date.parse(startedAt ?? ''), to: Date.parse(finishedAt ?? '') };
};
/** A web server whose answer is the content of /www/health. */
const web = 'mkdir -p /www; echo ok >/www/health; httpd -f -p 80 -h /www';

describe('order', () => {
  it('starts a container after the success of another, and beside a third that nobody waits for', async () => {
    const one = task(
      sh('main', 'sleep 1000', behind('init', 'SUCCESS')),
      sh('init', 'sleep 1', { essential: false }),
      sh('side', 'sleep 1000', { essential: false }),
    );
    host.run(one);
    const report = await host.reported(one, isRunning);
    expect(times(report, 'main').from).toBeGreaterThanOrEqual(times(report, 'init').to);
    expect(times(report, 'side').from).toBeLessThan(times(report, 'init').to);
  });

  it('stops those that need others before them', async () => {
    const slow = 'trap "sleep 0.3; exit 0" TERM; while :; do sleep 0.05; done';
    const one = task(sh('db', slow), sh('app', slow, behind('db', 'START')), sh('front', slow, behind('app', 'START')));
    host.run(one);
    await host.reported(one, isRunning);
    host.stop(one);
    const report = await host.reported(one, isStopped);
    expect(times(report, 'db').to).toBeGreaterThan(times(report, 'app').to);
    expect(times(report, 'app').to).toBeGreaterThan(times(report, 'front').to);
  });

  it('ends the task when what is waited for can’t come true, or takes too long', async () => {
    const fails = task(sh('main', 'sleep 1000', behind('init', 'SUCCESS')), sh('init', 'exit 3', { essential: false }));
    const late = task(
      sh('main', 'sleep 1000', behind('db', 'HEALTHY')),
      sh('db', 'sleep 1000', { startTimeoutSeconds: 2, ...check({ tcp: { port: 80 }, startPeriodSeconds: 60 }) }),
    );
    host.run(fails, late);
    expect(await host.reported(fails, isStopped)).toMatchObject({
      stopCode: 'DependencyFailed',
      stopReason: 'Container main waits for init to be SUCCESS, but that exited with code 3.',
    });
    expect(await host.reported(late, isStopped)).toMatchObject({
      stopCode: 'StartTimeout',
      stopReason: 'Container db was not HEALTHY within its start timeout of 2 s; main waits for that.',
    });
  });
});

describe('health', () => {
  it.each([
    ['HTTP', check({ http: { port: 80, path: '/health' } })],
    ['TCP', check({ tcp: { port: 80 } })],
    ['a command', check({ command: ['wget', '-q', '-O', '-', 'http://127.0.0.1/health'] })],
  ])('is told by %s, and waited for', async (_, healthCheck) => {
    const one = task(sh('web', `sleep 1; ${web}`, healthCheck), sh('main', 'sleep 1000', behind('web', 'HEALTHY')));
    host.run(one);
    const report = await host.reported(one, isRunning);
    expect(report).toMatchObject({ health: 'healthy', containers: [{ health: 'healthy', healthReason: null }, { health: 'unknown' }] });
    expect(times(report, 'main').from - times(report, 'web').from).toBeGreaterThanOrEqual(1000);
  });

  it('is told of a sandbox, too, and when it was started again', async () => {
    const life = { ...check({ http: { port: 80, path: '/health' } }), ...again() };
    const one = { ...task(sh('web', `${web} & sleep 6; exit 1`, life)), memoryMiB: 128, isolation: 'sandbox' as const };
    host.run(one);
    await host.reported(one, ({ health }) => health === 'healthy');
    await host.reported(one, ({ health, containers }) => health === 'healthy' && containers[0]?.restartCount === 1);
  });

  it.each([
    ['a status', { http: { port: 80, path: '/none' } }, 'port 80 answered /none with status 404'],
    [
      'another status than expected',
      { http: { port: 80, path: '/health', expectedStatus: 204 } },
      'port 80 answered /health with status 200',
    ],
    ['a closed port', { tcp: { port: 81 } }, 'nothing listens on port 81 of the task’s address (only on localhost is not enough)'],
    ['an exit code', { command: ['sh', '-c', 'echo no good; exit 4'] }, '"sh" ended with exit code 4: no good'],
    ['a program that is not there', { command: ['nope'] }, 'the image has no program "nope"; one without a shell can\'t run "sh" either'],
  ])('is bad for %s, which is told, and the task runs on', async (_, given, healthReason) => {
    const one = task(sh('web', web, check(given)));
    host.run(one);
    const report = await host.reported(one, ({ health }) => health === 'unhealthy');
    expect(report).toMatchObject({ state: 'running', containers: [{ state: 'running', health: 'unhealthy', healthReason }] });
  });

  it('is bad for a check that takes too long, of which nothing is left', async () => {
    const one = task(sh('main', 'sleep 1000', check({ command: ['sh', '-c', 'sleep 2345 & sleep 2345'], timeoutSeconds: 1 })));
    host.run(one);
    const report = await host.reported(one, ({ health }) => health === 'unhealthy');
    expect(report.containers[0]?.healthReason).toBe('"sh" was not done within 1 s');
    host.stop(one);
    await host.reported(one, isStopped);
    expect(processesOf(host.instance, one.taskId)).toEqual([]);
  });

  it('comes back', async () => {
    const sick = `${web} & sleep 3; rm /www/health; sleep 4; echo ok >/www/health; wait`;
    const one = task(sh('web', sick, check({ http: { port: 80, path: '/health' } })));
    host.run(one);
    await host.reported(one, ({ health }) => health === 'unhealthy');
    const seen = () => host.link.reports.filter(({ taskId }) => taskId === one.taskId).map(({ health }) => health);
    await host.link.until(() => seen().at(-1) === 'healthy');
    expect(seen().filter((health, index) => health !== seen()[index - 1])).toEqual(['unknown', 'healthy', 'unhealthy', 'healthy']);
  });

  it('that is bad has the container started again, if it has a policy, and ends the task when that does not help', async () => {
    const one = task(sh('web', 'sleep 1000', { ...check({ tcp: { port: 80 } }), ...again({ maxAttempts: 1 }) }));
    const watch = watchProcesses(host.instance);
    host.run(one);
    const report = await host.reported(one, isStopped);
    expect(report).toMatchObject({
      stopCode: 'ContainerUnhealthy',
      stopReason: expect.stringMatching(
        /^Essential container web is unhealthy \(nothing listens on port 80.*\) and is not started again\.$/,
      ),
      containers: [{ restartCount: 1 }],
    });
    expect(watch.attempts(one.taskId, 'web')).toHaveLength(2);
    expect(watch.mostAtOnce(one.taskId, 'web')).toBe(1);
    watch.stop();
  });
});

describe('a restart', () => {
  it('begins with a clean file system, and goes on in the same log', async () => {
    const one = task(sh('main', '[ -e /mark ] && echo dirty; echo run; touch /mark; exit 5', again({ maxAttempts: 2 })));
    host.run(one);
    const report = await host.reported(one, isStopped);
    expect(report).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 5, restartCount: 2 }] });
    const opened = host.gateway.stream('stream-0123456789');
    const request = {
      kind: 'logs' as const,
      taskId: one.taskId,
      container: null,
      tail: 100,
      since: null,
      follow: false,
      from: null,
      until: null,
      grep: null,
      stream: null,
    };
    host.link.send({ type: 'open-stream', streamId: 'stream-0123456789', request });
    const stream = await opened;
    await stream.ended;
    expect(stream.lines.map(({ text }) => text)).toEqual(['run', 'run', 'run']);
  });

  it('is made once, also when the agent dies before it', async () => {
    const one = shellTask(image, 'echo run; exit 5', again({ maxAttempts: 1 }));
    const watch = watchProcesses(host.instance);
    host.run(one);
    const waits = await host.reported(one, ({ containers }) => containers[0]?.nextStartAt != null);
    expect(waits).toMatchObject({ state: 'running', containers: [{ state: 'waiting', lastExit: { exitCode: 5 }, restartCount: 0 }] });
    await host.kill('SIGKILL');
    await host.start();
    expect(await host.reported(one, isStopped)).toMatchObject({ containers: [{ exitCode: 5, restartCount: 1 }] });
    expect(watch.mostAtOnce(one.taskId)).toBeLessThanOrEqual(1);
    watch.stop();
  });
});

describe('the longest life of a task', () => {
  it('is kept, also by the agent’s next life', async () => {
    const one = { ...shellTask(image, 'sleep 1000', { stopTimeoutSeconds: 0 }), maxRunTimeSeconds: 3 };
    host.run(one);
    const { reachedAt } = await host.reported(one, isRunning);
    await host.kill('SIGKILL');
    await host.start();
    const report = await host.reported(one, isStopped);
    expect(report).toMatchObject({ stopCode: 'MaxRunTimeExceeded', stopReason: 'It ran for its maximum of 3 s.' });
    expect(Date.parse(report.reachedAt.stopping ?? '') - Date.parse(reachedAt.running ?? '')).toBeGreaterThanOrEqual(3000);
    expect(liveContainers(host.instance).filter(({ taskId }) => taskId === one.taskId)).toEqual([]);
  });
});
