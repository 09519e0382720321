// `node dist/src/billing/verify/main.js DIRECTORY…`: works usage out anew from agents' journals and says where PostgreSQL
// has something else. A directory is an agent's `journal` directory, or a copy of one. Ends with 0 when all agrees, with 1
// when there is a difference, and with 2 when it could not find out.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { readConfig } from '../../config.js';
import { dataSourceOptions } from '../../db/data-source.js';
import { differences } from './differences.js';
import { factsOf, spanOf } from './journal-usage.js';
import { brokenHours, recordedUsage, unknownUsage } from './recorded-usage.store.js';

const usage = 'Name the journal directories of agents, or copies of them: verify/main.js /var/lib/berth/agent/journal …';
const current = 'journal.ndjson';

/** Oldest first; the journal itself comes last. One at a time: a history may be larger than what is free of memory. */
function* journalsIn(directory: string): Generator<string> {
  const history = join(directory, 'history');
  const old = existsSync(history) ? readdirSync(history).filter((name) => name.endsWith('.ndjson')) : [];
  for (const path of [...old.sort().map((name) => join(history, name)), join(directory, current)]) yield readFileSync(path, 'utf8');
}

/** @returns how many differences there are; each is printed. */
async function verify(database: DataSource, directory: string): Promise<{ tasks: number; wrong: number }> {
  const facts = factsOf(journalsIn(directory));
  const taskIds = facts.map(({ taskId }) => taskId);
  const found = differences(facts, await recordedUsage(database, taskIds));
  for (const { taskId, kind, detail } of found) process.stdout.write(`${taskId} ${kind}: ${detail}\n`);
  const span = spanOf(journalsIn(directory));
  const unknown = span ? await unknownUsage(database, taskIds, span) : [];
  for (const { taskId, ms } of unknown)
    process.stdout.write(`${taskId} unknown: ${ms} ms are recorded, and the journal knows nothing of it\n`);
  return { tasks: facts.length, wrong: found.filter(({ kind }) => kind !== 'late').length + unknown.length };
}

async function main(directories: readonly string[]): Promise<0 | 1> {
  const database = await new DataSource(dataSourceOptions(readConfig().databaseUrl, 2)).initialize();
  try {
    let [tasks, wrong] = [0, 0];
    for (const directory of directories) {
      const one = await verify(database, directory);
      tasks += one.tasks;
      wrong += one.wrong;
    }
    const hours = await brokenHours(database);
    if (hours > 0) process.stdout.write(`the running sums of ${hours} tenants differ from their records\n`);
    const outcome = wrong + hours === 0 ? 'no difference' : `${wrong + hours} differences`;
    process.stdout.write(`${tasks} tasks in ${directories.length} journals: ${outcome}\n`);
    return wrong + hours === 0 ? 0 : 1;
  } finally {
    await database.destroy();
  }
}

const directories = process.argv.slice(2);
const missing = directories.filter((directory) => !existsSync(join(directory, current)));
if (directories.length === 0 || missing.length > 0) {
  process.stderr.write(`${missing.map((directory) => `There is no ${current} in ${directory}.\n`).join('')}${usage}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await main(directories).catch((error: Error) => {
    process.stderr.write(`Nothing was verified: ${error.message}\n`);
    return 2;
  });
}
