// The `berth` command: puts the verbs together, and turns failures into a sentence and an exit code.
import { Command, CommanderError } from 'commander';
import { debug } from './config.js';
import { exitCodes } from './exit-codes.js';
import { describeFailure } from './failure.js';
import { markCommand } from './run-request.js';
import { note } from './terminal.js';
import { verbFirst } from './verb-first.js';
import { addAudit } from './verbs/audit.js';
import { addBilling } from './verbs/billing.js';
import { addBudget } from './verbs/budget.js';
import { addCapacityGroup } from './verbs/capacity-group.js';
import { addContext } from './verbs/context.js';
import { addContract } from './verbs/contract.js';
import { addCost } from './verbs/cost.js';
import { addCp } from './verbs/cp.js';
import { addDefine } from './verbs/define.js';
import { addDefinitions } from './verbs/definitions.js';
import { addEvents } from './verbs/events.js';
import { addExec } from './verbs/exec.js';
import { addExplain } from './verbs/explain.js';
import { addFreeze, addThaw } from './verbs/freeze.js';
import { addHost } from './verbs/host.js';
import { addHosts } from './verbs/hosts.js';
import { addImages } from './verbs/images.js';
import { addInspect } from './verbs/inspect.js';
import { addInvoices } from './verbs/invoices.js';
import { addKeys } from './verbs/keys.js';
import { addKill } from './verbs/kill.js';
import { addLogin } from './verbs/login.js';
import { addLogout } from './verbs/logout.js';
import { addLogs } from './verbs/logs.js';
import { addPool } from './verbs/pool.js';
import { addPortForward } from './verbs/port-forward.js';
import { addPriceBook } from './verbs/price-book.js';
import { addPs } from './verbs/ps.js';
import { addQuota } from './verbs/quota.js';
import { addResize } from './verbs/resize.js';
import { addRun } from './verbs/run.js';
import { addStats } from './verbs/stats.js';
import { addStop } from './verbs/stop.js';
import { addTenant } from './verbs/tenant.js';
import { addUsers } from './verbs/users.js';
import { addVersion } from './verbs/version.js';
import { addVolume } from './verbs/volume.js';

const inOrderOfHelp = [
  ...[addRun, addPs, addLogs, addStop, addInspect, addExplain, addEvents, addCost, addBudget, addInvoices, addContract],
  ...[addExec, addCp, addPortForward],
  ...[addStats, addResize, addFreeze, addThaw, addKill],
  ...[addDefine, addDefinitions, addImages, addVolume, addHosts, addHost, addPool, addCapacityGroup, addTenant],
  ...[addBilling, addPriceBook, addContext, addVersion],
  ...[addLogin, addLogout, addUsers, addKeys, addQuota, addAudit],
];

const program = new Command('berth')
  .description('Runs containers on Berth.')
  .helpCommand('help [verb]', 'show what a verb does, with examples')
  // An option belongs to the word that it stands behind: `audit verify -o json`.
  .enablePositionalOptions()
  .showHelpAfterError('See "berth --help", or "berth VERB --help" for examples.')
  .exitOverride();
for (const add of inOrderOfHelp) add(program);
for (const command of [...program.commands, ...program.commands.flatMap((verb) => verb.commands)])
  command.exitOverride().copyInheritedSettings(program);

/** Verbs whose second word begins a command line of its own. */
const takesCommand = ['run', 'exec'];

async function main(words: readonly string[]): Promise<void> {
  try {
    const [verb = ''] = words;
    const marked = takesCommand.includes(verb) ? [verb, ...markCommand(words.slice(1), flagsOf(verb))] : words;
    await program.parseAsync(marked, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    else fail(error);
  }
}

function flagsOf(name: string) {
  const verb = program.commands.find((command) => command.name() === name);
  return (verb?.options ?? []).map(({ short, long, required }) => ({ short, long, takesValue: required }));
}

function fail(error: unknown): void {
  const { lines, exitCode } = describeFailure(error);
  lines.forEach(note);
  if (debug && error instanceof Error) note(error.stack ?? '');
  process.exitCode = exitCode;
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.brokenPipe);
    throw error;
  });
}

await main(verbFirst(process.argv.slice(2)));
