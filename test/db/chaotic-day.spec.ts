// A day on which everything goes wrong: agents and their hosts, the control plane and the database are killed, clocks are set,
// usage is delivered twice, late and in any order. Its sum is exact to the millisecond.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostId, TaskId, UsageRecord } from '@berth/contract';
import pg from 'pg';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { ReportIntake } from '../../src/agents/report-intake.service.js';
import { differences } from '../../src/billing/verify/differences.js';
import { factsOf, type TaskFacts } from '../../src/billing/verify/journal-usage.js';
import { brokenHours, recordedUsage } from '../../src/billing/verify/recorded-usage.store.js';
import { dataSourceOptions } from '../../src/db/data-source.js';
import { SignalBus } from '../../src/db/signals.js';
import { ChaoticHost, type Pick } from '../support/chaotic-host.js';
import { hourMs, type Metered, newMetered } from '../support/metered.js';

const dayStart = Date.parse('2026-10-25T00:00:00Z');
const hosts = 3;
const steps = 24 * 12;

let metered: Metered;
let directory: string;
let admin: pg.Client;
let killer: DataSource;
let intake: ReportIntake;
let signals: SignalBus;

beforeAll(async () => {
  metered = await newMetered(inject('databaseUrl'));
  directory = await mkdtemp(join(tmpdir(), 'berth-chaos-'));
  admin = new pg.Client({ connectionString: inject('databaseUrl') });
  await admin.connect();
  killer = await new DataSource(dataSourceOptions(metered.url, 4)).initialize();
  signals = new SignalBus(metered.url, 'test', () => {});
  intake = newIntake();
});
afterAll(async () => {
  await intake.beforeApplicationShutdown();
  await killer.destroy();
  await admin.end();
  await metered.destroy();
  await rm(directory, { recursive: true, force: true });
});

const newIntake = () => new ReportIntake(pino({ level: 'silent' }), killer, signals);

function numbers(seed: number): Pick {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** As when PostgreSQL is killed: every connection is gone in the middle of what it does. */
const killDatabase = () =>
  admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [new URL(metered.url).pathname.slice(1)]);

async function newTask(hostId: HostId): Promise<TaskId> {
  const taskId = randomUUID() as string as TaskId;
  await again(() =>
    metered.source.query(
      `INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES ($1, $2, 'day', 1, '{}', '')
       ON CONFLICT DO NOTHING`,
      [randomUUID(), metered.tenant],
    ),
  );
  await again(() =>
    metered.source.query(
      `INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, host_id)
       SELECT $1, $2, id, 1, 1, 'running', $3 FROM task_definitions WHERE family = 'day' ON CONFLICT DO NOTHING`,
      [taskId, metered.tenant, hostId],
    ),
  );
  return taskId;
}

/** The test's own statements must survive its kills. */
async function again<T>(work: () => Promise<T>, left = 20): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (left === 0) throw error;
    return again(work, left - 1);
  }
}

const shuffled = <T>(items: readonly T[], pick: Pick): T[] =>
  items
    .map((item) => ({ item, at: pick(10 ** 6) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);

it('the sum of a chaotic day is exact', { timeout: 240_000 }, async () => {
  const pick = numbers(20_261_025);
  const late: { hostId: HostId; usage: UsageRecord[] }[] = [];
  const all: ChaoticHost[] = [];
  for (let n = 0; n < hosts; n++) {
    const hostId = randomUUID() as string as HostId;
    await metered.source.query(`INSERT INTO hosts (id, name, state) VALUES ($1, $2, 'active')`, [hostId, `chaos-${n}`]);
    all.push(await ChaoticHost.begin(hostId, join(directory, `host-${n}`), pick));
  }
  const done = { agentKills: 0, reboots: 0, databaseKills: 0, controlPlaneKills: 0, lostAnswers: 0 };

  const deliver = async (host: ChaoticHost): Promise<void> => {
    const usage = await host.usage();
    if (usage.length === 0) return;
    if (pick(4) === 0) late.push({ hostId: host.hostId, usage });
    const parts = pick(3) === 0 ? [usage, usage] : [usage];
    const sent = Promise.allSettled(parts.map((part) => intake.submit({ hostId: host.hostId, reports: [], usage: shuffled(part, pick) })));
    if (pick(6) === 0) {
      done.databaseKills += 1;
      await killDatabase();
    }
    if (pick(8) === 0) {
      done.controlPlaneKills += 1;
      const old = intake;
      intake = newIntake();
      await old.beforeApplicationShutdown();
    }
    const outcomes = await sent;
    if (outcomes.some(({ status }) => status === 'rejected')) return;
    if (pick(4) === 0) done.lostAnswers += 1;
    else host.acknowledge(usage);
  };

  for (let step = 0; step < steps; step++) {
    for (const host of all) {
      const at = dayStart + step * 300_000 + pick(9_000);
      if (pick(3) === 0) host.start(await newTask(host.hostId), at);
      if (pick(4) === 0) host.adjust(at + 11);
      if (pick(4) === 0) host.end(at + 23);
      host.cut(at + 290_000);
      if (pick(5) === 0) await deliver(host);
      if (pick(40) === 0) {
        done.agentKills += 1;
        await host.kill();
      }
      if (pick(120) === 0) {
        done.reboots += 1;
        await host.reboot(at + 299_000);
      }
    }
  }
  for (const host of all) host.endAll(dayStart + 26 * hourMs);
  for (const host of all) await intake.submit({ hostId: host.hostId, reports: [], usage: shuffled(await host.usage(), pick) });
  // Three days late, and for the second time.
  for (const { hostId, usage } of shuffled(late, pick)) await intake.submit({ hostId, reports: [], usage: shuffled(usage, pick) });

  for (const [kind, count] of Object.entries(done)) expect(count, kind).toBeGreaterThan(0);
  const truth = new Map(all.flatMap((host) => [...host.truth]));
  const recorded = await again(() => recordedUsage(metered.source, [...truth.keys()]));
  expect(truth.size).toBeGreaterThan(100);
  const nothing = { ms: 0n, cpu: 0n, memory: 0n, egress: 0n, pull: { ms: 0n, cpu: 0n, memory: 0n } };
  const asText = ({ ms, cpu, memory, egress, pull }: typeof nothing) => [ms, cpu, memory, egress, pull.ms, pull.cpu, pull.memory].join(' ');
  const wrong = [...truth].filter(([taskId, used]) => used.ms > 0n && asText(used) !== asText(recorded.get(taskId) ?? nothing));
  for (const counted of ['egress', 'pull'] as const)
    expect([...truth.values()].filter((used) => (counted === 'pull' ? used.pull.ms : used.egress) > 0n).length).toBeGreaterThan(50);
  expect(wrong.map(([taskId, used]) => [taskId, asText(used), recorded.get(taskId)])).toEqual([]);

  const facts: TaskFacts[] = [];
  for (const host of all) facts.push(...factsOf(await host.journals()));
  expect(facts.length).toBe(truth.size);
  expect(facts.every(({ whole }) => whole)).toBe(true);
  expect(differences(facts, recorded)).toEqual([]);
  expect(await brokenHours(metered.source)).toBe(0);

  // The recomputation can tell: one millisecond less, a record gone, another size.
  const [victim] = await metered.source.query(
    'SELECT task_id, sequence FROM usage_records WHERE ended_at > started_at AND NOT pull LIMIT 1',
  );
  const damage = async (change: string) => {
    const runner = metered.source.createQueryRunner();
    await runner.startTransaction();
    await runner.query(`${change} WHERE task_id = $1 AND sequence = $2`, [victim.task_id, victim.sequence]);
    const seen = differences(facts, await recordedUsage(runner as unknown as DataSource, [...truth.keys()]));
    await runner.rollbackTransaction();
    await runner.release();
    return seen.map(({ taskId }) => taskId);
  };
  expect(await damage(`UPDATE usage_records SET ended_at = ended_at - interval '1 millisecond'`)).toEqual([victim.task_id]);
  expect(await damage('UPDATE usage_records SET memory_mib = memory_mib + 1')).toEqual([victim.task_id]);
  expect(await damage('UPDATE usage_records SET egress_bytes = egress_bytes + 1')).toEqual([victim.task_id]);
  expect(await damage('DELETE FROM usage_records')).toEqual([victim.task_id]);
  for (const host of all) await host.close();
});
