import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { migrate, migrations } from '../../src/db/data-source.js';
import { freshDatabase } from '../support/cluster.js';

test('migrations run twice, from two replicas at once, and change nothing the second time', async () => {
  const database = await freshDatabase(inject('databaseUrl'));
  await Promise.all([migrate(database.url), migrate(database.url)]);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query('SELECT count(*)::int AS runs FROM migrations');
  expect(rows).toEqual([{ runs: migrations.length }]);
  await client.end();
  await database.drop();
});
