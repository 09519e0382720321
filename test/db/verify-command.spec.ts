// The command that an accountant runs: usage worked out anew from agents' journals on disk, against what PostgreSQL has.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { HostId, TaskId } from '@berth/contract';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { ChaoticHost } from '../support/chaotic-host.js';
import { type Metered, newMetered } from '../support/metered.js';

const command = resolve(import.meta.dirname, '../../src/billing/verify/main.ts');
const dayStart = Date.parse('2026-10-25T00:00:00Z');
const minute = 60_000;

let metered: Metered;
let directory: string;
let journals: string[];
let tasks = 0;

beforeAll(async () => {
  metered = await newMetered(inject('databaseUrl'));
  directory = await mkdtemp(join(tmpdir(), 'berth-verify-'));
  journals = [join(directory, 'host-0'), join(directory, 'host-1')];
  for (const [n, place] of journals.entries()) await morningOf(place, n + 7);
});
afterAll(async () => {
  await metered?.destroy();
  await rm(directory, { recursive: true, force: true });
});

/** Two hours of a host with tasks that begin, are resized and end, an agent that is killed, and a host that is restarted. */
async function morningOf(place: string, seed: number): Promise<void> {
  let state = seed;
  const pick = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const hostId = randomUUID() as string as HostId;
  await metered.source.query(`INSERT INTO hosts (id, name, state) VALUES ($1, $2, 'active')`, [hostId, `verified-${seed}`]);
  const host = await ChaoticHost.begin(hostId, place, pick);
  for (let step = 0; step < 24; step++) {
    const at = dayStart + step * 5 * minute;
    const task: TaskId = await metered.newTask();
    await metered.source.query('UPDATE tasks SET host_id = $2 WHERE id = $1', [task, hostId]);
    host.start(task, at);
    host.adjust(at + 11);
    if (step % 3 === 2) host.end(at + 23);
    host.cut(at + 290_000);
    if (step === 8) await host.kill();
    if (step === 16) await host.reboot(at + 299_000);
  }
  host.endAll(dayStart + 3 * 60 * minute);
  await metered.insert((await host.usage()).map((record) => ({ ...record, hostId })));
  tasks += host.truth.size;
  await host.close();
}

function verify(...places: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH, DATABASE_URL: metered.url, BERTH_PKI_DIR: directory };
  return new Promise((done) =>
    execFile(process.execPath, ['--import', 'tsx', command, ...places], { env }, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    ),
  );
}

it('ends with 0 where journals and records agree', async () => {
  expect(tasks).toBe(48);
  expect(await verify(...journals)).toEqual({ code: 0, stdout: '48 tasks in 2 journals: no difference\n', stderr: '' });
});

it.each([
  [`UPDATE usage_records SET ended_at = ended_at - interval '1 millisecond'`, 'NOT pull', /^\S+ (different|broken): /m],
  ['UPDATE usage_records SET memory_mib = memory_mib + 1', 'NOT pull', /^\S+ different: memory: journal \d+, recorded \d+$/m],
  ['UPDATE usage_records SET egress_bytes = egress_bytes + 1', 'NOT pull', /^\S+ different: egress: journal \d+, recorded \d+$/m],
  ['UPDATE usage_records SET memory_mib = memory_mib + 1', 'pull', /^\S+ different: pull memory: journal \d+, recorded \d+$/m],
  ['DELETE FROM usage_records', 'NOT pull', /^\S+ (missing|broken|different): /m],
  ['DELETE FROM usage_records', 'pull', /^\S+ different: pull ms: journal \d+, recorded 0; /m],
])('ends with 1 and says where after: %s of what is %s', async (damage, kind, words) => {
  const [victim] = await metered.source.query(
    `SELECT r.* FROM usage_records r WHERE ended_at > started_at AND NOT frozen AND ${kind}
       AND EXISTS (SELECT FROM usage_records n WHERE n.task_id = r.task_id AND n.sequence > r.sequence) ORDER BY task_id, sequence LIMIT 1`,
  );
  await metered.source.query(`${damage} WHERE task_id = $1 AND sequence = $2`, [victim.task_id, victim.sequence]);
  const { code, stdout } = await verify(...journals);
  await metered.source.query('DELETE FROM usage_records WHERE task_id = $1 AND sequence = $2', [victim.task_id, victim.sequence]);
  const columns = Object.keys(victim);
  await metered.source.query(
    `INSERT INTO usage_records (${columns.join(', ')}) VALUES (${columns.map((_, n) => `$${n + 1}`).join(', ')})`,
    Object.values(victim),
  );
  expect(code, stdout).toBe(1);
  expect(stdout).toMatch(words);
  expect(stdout).toContain(victim.task_id);
  expect(stdout).toMatch(/48 tasks in 2 journals: [12] differences\n$/);
  expect((await verify(...journals)).code, 'put back').toBe(0);
});

it('ends with 1 where something is recorded that no journal knows of', async () => {
  const invented = await metered.newTask();
  const [{ host_id: hostId }] = await metered.source.query('SELECT host_id FROM usage_records LIMIT 1');
  await metered.source.query('UPDATE tasks SET host_id = $2 WHERE id = $1', [invented, hostId]);
  await metered.insert([metered.record(invented, 0, dayStart + 30 * minute, dayStart + 31 * minute, { hostId })]);
  const { code, stdout } = await verify(...journals);
  await metered.source.query('DELETE FROM usage_records WHERE task_id = $1', [invented]);
  await metered.source.query(
    'UPDATE usage_hours SET task_ms = task_ms - $1 WHERE hour = (SELECT min(hour) FROM usage_hours) AND task_ms > $1',
    [minute],
  );
  expect([code, stdout.split('\n')[0]]).toEqual([1, `${invented} unknown: 60000 ms are recorded, and the journal knows nothing of it`]);
});

it('ends with 1 where the running sums are not those of the records', async () => {
  await metered.source.query('UPDATE usage_hours SET task_ms = task_ms + 1 WHERE hour = (SELECT min(hour) FROM usage_hours)');
  const { code, stdout } = await verify(...journals);
  await metered.source.query('UPDATE usage_hours SET task_ms = task_ms - 1 WHERE hour = (SELECT min(hour) FROM usage_hours)');
  expect([code, stdout.split('\n')[0]]).toEqual([1, 'the running sums of 1 tenants differ from their records']);
});

it('ends with 2 where there is nothing to verify', async () => {
  expect(await verify()).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Name the journal directories') });
  const nowhere = join(directory, 'nowhere');
  expect(await verify(nowhere)).toMatchObject({ code: 2, stderr: expect.stringContaining(`There is no journal.ndjson in ${nowhere}.`) });
});
