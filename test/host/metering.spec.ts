// A real agent with a real container: a new size and a freeze end the interval of usage that is open, at the instant at which
// they hold, and the next begins there; also when the agent dies in between.
import { readFileSync } from 'node:fs';
import type { TaskSpec, TaskWish, UsageRecord } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHost, busyboxHost, launchOf, shellTask } from '../support/agent-host.js';

let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost();
  image = host.image;
});
afterAll(() => host?.destroy());

/** @returns when the host says that it holds. */
async function wish(spec: TaskSpec, wanted: TaskWish): Promise<void> {
  host.link.desired([{ ...launchOf(spec), wish: wanted } as ReturnType<typeof launchOf>]);
  const { adjusted } = await host.reported(spec, (report) => report.adjusted?.version === wanted.version);
  expect(adjusted).toEqual({ ...wanted, refusal: null });
}

it('a task’s usage is cut where its size changes, where it is frozen and where it is let go on', async () => {
  const spec = shellTask(image, 'while :; do sleep 0.1; done', { stopTimeoutSeconds: 1 }, { cpuMillis: 200 });
  host.run(spec);
  await host.reported(spec, ({ state }) => state === 'running');
  await wish(spec, { version: 1, cpuMillis: 400, memoryMiB: 96, frozen: false });
  await wish(spec, { version: 2, cpuMillis: 400, memoryMiB: 96, frozen: true });
  const before: UsageRecord[] = [...host.link.usage];
  await host.kill('SIGKILL');
  await host.start();
  await wish(spec, { version: 3, cpuMillis: 400, memoryMiB: 96, frozen: false });
  host.stop(spec);
  await host.reported(spec, ({ state }) => state === 'stopped');
  const records = await host.link.until(() => {
    const all = new Map([...before, ...host.link.usage].map((record) => [record.sequence, record]));
    return all.size === 5 && [...all.values()].sort((a, b) => a.sequence - b.sequence);
  });
  expect(records.map(({ cpuMillis, memoryMiB, frozen = false, pull = false }) => [cpuMillis, memoryMiB, frozen, pull])).toEqual([
    [200, 64, false, true],
    [200, 64, false, false],
    [400, 96, false, false],
    [400, 96, true, false],
    [400, 96, false, false],
  ]);
  const ran = records.slice(1);
  for (const [index, { startedAt, endedAt }] of ran.entries()) {
    expect(Date.parse(endedAt)).toBeGreaterThan(Date.parse(startedAt));
    if (index > 0) expect(startedAt).toBe(ran[index - 1]?.endedAt);
  }
});

it('tasks whose time ran out while they were frozen are metered to the end that the journal says, to the millisecond', async () => {
  const specs = Array.from({ length: 8 }, () => shellTask(image, 'sleep 1'));
  host.run(...specs);
  for (const spec of specs) await host.reported(spec, ({ state }) => state === 'running');
  const toAll = (version: number, frozen: boolean) =>
    Promise.all(specs.map((spec) => wish(spec, { version, cpuMillis: spec.cpuMillis, memoryMiB: spec.memoryMiB, frozen })));
  await toAll(1, true);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await toAll(2, false);
  for (const spec of specs) await host.reported(spec, ({ state }) => state === 'stopped');
  const journal = readFileSync(`${host.dataDirectory}/journal/journal.ndjson`, 'utf8');
  for (const { taskId } of specs) {
    const line = journal.split('\n').find((text) => text.includes('"container-exited"') && text.includes(taskId)) ?? '';
    const { atMs } = JSON.parse(line.slice(line.indexOf('{'))) as { atMs: number };
    const ends = host.link.usage.flatMap((record) => (record.taskId === taskId ? [Date.parse(record.endedAt)] : []));
    expect(Math.max(...ends)).toBe(atMs);
  }
});
