// The signal bus on a real server: across replicas, and through the loss of its connection.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import { SignalBus } from '../../src/db/signals.js';
import { freshDatabase } from '../support/cluster.js';

let database: Awaited<ReturnType<typeof freshDatabase>>;
let admin: pg.Client;
let buses: SignalBus[];

beforeEach(async () => {
  database = await freshDatabase(inject('databaseUrl'));
  admin = new pg.Client({ connectionString: inject('databaseUrl') });
  await admin.connect();
  buses = [];
});
afterEach(async () => {
  for (const bus of buses) await bus.stop();
  await admin.end();
  await database.drop();
});

async function newBus(replica: string): Promise<SignalBus> {
  const bus = new SignalBus(database.url, replica, () => {});
  buses.push(bus);
  await bus.start();
  return bus;
}

const name = () => new URL(database.url).pathname.slice(1);
const listeners = async () =>
  (await admin.query("SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name = 'berth-signals'", [name()])).rows;
const cut = () => admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name()]);

it('tells this process at once and the other replica by NOTIFY, once each', async () => {
  const [here, there] = [await newBus('a'), await newBus('b')];
  const heard: string[] = [];
  here.on('tasks', (ids) => heard.push(`here ${ids}`));
  there.on('tasks', (ids) => heard.push(`there ${ids}`));
  here.send('tasks', ['t1']);
  expect(heard).toEqual(['here t1']);
  await vi.waitFor(() => expect(heard).toEqual(['here t1', 'there t1']));
});

it('delivers every id of a long list and of many signals in a row', async () => {
  const [here, there] = [await newBus('a'), await newBus('b')];
  const heard: string[] = [];
  there.on('desired', (ids) => heard.push(...ids));
  const ids = Array.from({ length: 1000 }, (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`);
  here.send('desired', ids.slice(0, 900));
  for (const id of ids.slice(900)) here.send('desired', [id]);
  await vi.waitFor(() => expect(heard).toHaveLength(1000));
  expect(heard).toEqual(ids);
});

it('connects again after a long outage with one connection, and wakes its listeners', async () => {
  const bus = await newBus('a');
  const woken = vi.fn();
  bus.on('pending', woken);
  await admin.query(`ALTER DATABASE ${name()} ALLOW_CONNECTIONS false`);
  await cut();
  // Long enough for several attempts to fail.
  await sleep(3_500);
  bus.send('tasks', ['lost']);
  expect(woken).not.toHaveBeenCalled();
  await admin.query(`ALTER DATABASE ${name()} ALLOW_CONNECTIONS true`);
  await vi.waitFor(() => expect(woken).toHaveBeenCalled(), { timeout: 5_000 });
  await sleep(2_500);
  expect(await listeners()).toHaveLength(1);
});
