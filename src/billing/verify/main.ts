// `node dist/src/billing/verify/main.js DIRECTORY…`: works usage out anew from agents' journals and says where PostgreSQL
// has something else. A directory is an agent's `journal` directory, or a copy of one. Ends with 1 when there is a difference.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { readConfig } from '../../config.js';
import { dataSourceOptions } from '../../db/data-source.js';
import { differences } from './differences.js';
import { factsOf } from './journal-usage.js';
import { brokenHours, recordedUsage } from './recorded-usage.store.js';

const directories = process.argv.slice(2);
if (directories.length === 0) {
  process.stderr.write('Name the journal directories of agents, or copies of them: verify/main.js /var/lib/berth/agent/journal …\n');
  process.exit(2);
}

/** Oldest first; the journal itself comes last. */
async function journalsIn(directory: string): Promise<string[]> {
  const history = join(directory, 'history');
  const old = (await readdir(history).catch(() => [])).filter((name) => name.endsWith('.ndjson')).sort();
  return Promise.all([...old.map((name) => join(history, name)), join(directory, 'journal.ndjson')].map((path) => readFile(path, 'utf8')));
}

const database = await new DataSource(dataSourceOptions(readConfig().databaseUrl, 2)).initialize();
try {
  let tasks = 0;
  let wrong = 0;
  for (const directory of directories) {
    const facts = factsOf(await journalsIn(directory));
    const found = differences(
      facts,
      await recordedUsage(
        database,
        facts.map(({ taskId }) => taskId),
      ),
    );
    for (const { taskId, kind, detail } of found) process.stdout.write(`${taskId} ${kind}: ${detail}\n`);
    tasks += facts.length;
    wrong += found.filter(({ kind }) => kind !== 'late').length;
  }
  const hours = await brokenHours(database);
  if (hours > 0) process.stdout.write(`the running sums of ${hours} tenants differ from their records\n`);
  process.stdout.write(
    `${tasks} tasks in ${directories.length} journals: ${wrong + hours === 0 ? 'no difference' : `${wrong + hours} differences`}\n`,
  );
  process.exitCode = wrong + hours === 0 ? 0 : 1;
} finally {
  await database.destroy();
}
