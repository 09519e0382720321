// Tasks run while PostgreSQL, the control plane and the agents are killed by SIGKILL, each several times and together; then
// their sum in the database is, to the millisecond and the byte, what the hosts' journals say; also after all of it was told
// once more. What can't be done to processes, to set their clocks, is done in test/db/chaotic-day.spec.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type KillableBerth, startKillableBerth } from '../support/killable-berth.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

let registry: TestRegistry;
let berth: KillableBerth;

beforeAll(async () => {
  registry = await startRegistry();
  await registry.push('busybox', {});
  berth = await startKillableBerth(registry.address);
});
afterAll(async () => {
  await berth?.destroy();
  await registry?.stop();
});

/** Numbers that are the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
const pick = numbers(20_261_127);

/** A host is a zone of its own. */
const kinds = [
  { zone: 'real', command: () => ['sleep', String(2 + pick(4))] },
  { zone: 'real', command: () => ['sh', '-c', `sleep ${1 + pick(3)}; exit ${pick(2)}`] },
  { zone: 'simulated', command: () => ['sleep', '1000'] },
  { zone: 'simulated', command: () => ['send', String(1 + pick(10 ** 8))] },
  { zone: 'simulated', command: () => ['pull', String(1 + pick(900))] },
  { zone: 'simulated', command: () => ['sleep', String(pick(4))] },
] as const;

async function launch({ zone, command }: (typeof kinds)[number]): Promise<void> {
  const containers = [{ name: 'main', image: 'busybox', command: command(), stopTimeoutSeconds: 1 }];
  const definition = { family: 'work', cpuMillis: 60, memoryMiB: 16 + pick(40), containers, placement: { zones: [zone] } };
  await berth.call('POST', '/v1/tasks', { definition, count: zone === 'real' ? 1 : 1 + pick(3) });
}

async function tasks(state: string): Promise<string[]> {
  const answer = await berth.call('GET', `/v1/tasks?state=${state}&limit=200`);
  return ((answer?.body as { items?: { id: string }[] })?.items ?? []).map(({ id }) => id);
}

async function change(): Promise<void> {
  const running = await tasks('running');
  const any = () => running[pick(Math.max(1, running.length))];
  for (let n = 0; n < 3; n += 1) {
    const id = any();
    if (id === undefined) return;
    const what = pick(4);
    // Not awaited: a host that was just killed lets one wait for seconds.
    if (what === 0) void berth.call('PATCH', `/v1/tasks/${id}`, { memoryMiB: 16 + pick(40) });
    if (what === 1) void berth.call('POST', `/v1/tasks/${id}/freeze`);
    if (what === 2) void berth.call('POST', `/v1/tasks/${id}/thaw`);
    if (what === 3) void berth.call('POST', `/v1/tasks/${id}/stop`);
  }
}

const kills: (() => Promise<unknown>)[] = [
  () => berth.killAgent('simulated'),
  () => berth.killControlPlane(),
  () => berth.killDatabase(),
  () => berth.killAgent('real'),
  () => berth.pauseControlPlane(1_500),
  () => berth.killSession(),
  () => Promise.all([berth.killControlPlane(), berth.killAgent('simulated')]),
  () => Promise.all([berth.killDatabase(), berth.killAgent('real'), sleep(pick(300)).then(() => berth.killAgent('simulated'))]),
];

/** Everything, late, twice, in any order; and with it what is none of it: other sizes, other times, another host's. */
async function tellAgain(database: pg.Client): Promise<void> {
  const { rows } = await database.query(
    `SELECT h.name, r.task_id, r.sequence, r.started_at, r.ended_at, r.cpu_millis, r.memory_mib, r.frozen, r.pull, r.egress_bytes
     FROM usage_records r JOIN hosts h ON h.id = r.host_id`,
  );
  const records = rows.map((row) => ({
    host: row.name as string,
    usage: {
      ...{ taskId: row.task_id, sequence: row.sequence, startedAt: row.started_at.toISOString(), endedAt: row.ended_at.toISOString() },
      ...{
        cpuMillis: row.cpu_millis,
        memoryMiB: row.memory_mib,
        frozen: row.frozen,
        pull: row.pull,
        egressBytes: Number(row.egress_bytes),
      },
    },
  }));
  const own = records.filter(({ host }) => host === 'simulated').map(({ usage }) => usage);
  const foreign = records.filter(({ host }) => host === 'real').map(({ usage }) => ({ ...usage, sequence: usage.sequence + 1_000 }));
  const forged = own.flatMap((usage) => [
    { ...usage, cpuMillis: usage.cpuMillis + 1, egressBytes: 10 ** 9 },
    // An empty interval overlaps nothing, and is nothing.
    ...(usage.startedAt < usage.endedAt ? [{ ...usage, sequence: usage.sequence + 1_000 }] : []),
  ]);
  const all = [...own, ...own, ...forged, ...foreign].map((usage) => ({ usage, at: pick(10 ** 6) }));
  const shuffled = all.sort((a, b) => a.at - b.at).map(({ usage }) => usage);
  expect(shuffled.length).toBeGreaterThan(200);
  const frames = Array.from({ length: Math.ceil(shuffled.length / 50) }, (_, n) => shuffled.slice(n * 50, n * 50 + 50));
  await berth.tellUsage('simulated', frames);
}

it('the sum is exact after agents, control plane and database were killed again and again', { timeout: 240_000 }, async () => {
  for (const kill of [...kills, ...kills.slice(0, 3)]) {
    await Promise.all(kinds.map(launch));
    for (let n = 0; n < 3; n += 1) {
      await sleep(pick(400));
      await change();
    }
    await kill();
  }

  await vi.waitUntil(
    async () => {
      const live = (await Promise.all(['pending', 'placed', 'starting', 'running', 'stopping'].map(tasks))).flat();
      await Promise.all(live.map((id) => berth.call('POST', `/v1/tasks/${id}/stop`)));
      return live.length === 0 && (await berth.call('GET', '/v1/whoami')) !== null;
    },
    { timeout: 60_000, interval: 500 },
  );
  const told = await vi.waitUntil(
    async () => {
      const verified = await berth.verify();
      return !/ (late|missing): /.test(verified.output) && verified;
    },
    { timeout: 30_000, interval: 500 },
  );
  expect(told.output).toMatch(/^\d+ tasks in 2 journals: no difference\n$/);
  expect(told.code).toBe(0);

  const database = new pg.Client({ connectionString: berth.databaseUrl() });
  await database.connect();
  try {
    const { rows } = await database.query(
      `SELECT h.name, count(DISTINCT r.task_id)::int AS tasks, count(*) FILTER (WHERE r.pull)::int AS pulls, sum(r.egress_bytes) > 0 AS sent,
              count(*) FILTER (WHERE r.frozen)::int AS frozen
       FROM usage_records r JOIN hosts h ON h.id = r.host_id GROUP BY 1 ORDER BY 1`,
    );
    process.stdout.write(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
    // It was a day on which something happened, on both hosts.
    expect(rows.map(({ name }) => name)).toEqual(['real', 'simulated']);
    expect(rows[0].tasks).toBeGreaterThan(2);
    expect(rows[1].tasks).toBeGreaterThan(20);
    expect(rows[1]).toMatchObject({ sent: true });
    expect(rows[1].pulls).toBeGreaterThan(2);
    await tellAgain(database);
    expect(await berth.verify()).toEqual(told);

    // And the recomputation can tell.
    await database.query(`UPDATE usage_records SET ended_at = ended_at - interval '1 ms'
      WHERE (task_id, sequence) = (SELECT task_id, sequence FROM usage_records WHERE ended_at > started_at AND NOT pull LIMIT 1)`);
    expect(await berth.verify()).toMatchObject({ code: 1, output: expect.stringMatching(/ (different|broken|late): /) });
  } finally {
    await database.end();
  }
});
