// What a replacement takes over, on the real schema.
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { begunAnew, carriedOver, carriedOverInPart } from '../../src/drain/replacement-columns.js';
import { freshDatabase } from '../support/cluster.js';

let source: DataSource;
let drop: () => Promise<void>;

beforeAll(async () => {
  const database = await freshDatabase(inject('databaseUrl'));
  drop = database.drop;
  source = await new DataSource({ type: 'postgres', url: database.url }).initialize();
});
afterAll(async () => {
  await source.destroy();
  await drop();
});

it('says of every column of tasks whether a replacement takes it over (src/drain/replacement-columns.ts)', async () => {
  const rows: { name: string }[] = await source.query(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'tasks'`,
  );
  const decided = [...carriedOver, ...carriedOverInPart, ...begunAnew];
  expect(rows.map(({ name }) => name).sort()).toEqual([...decided].sort());
});
