// `npm run check`: every static check in one command, side by side. One line a check; the output only of those that
// fail. `npm run check -- types lint` runs only the named ones.
import { spawn } from 'node:child_process';
import { delimiter, resolve } from 'node:path';

interface Check {
  readonly name: string;
  readonly looksFor: string;
  /** Run one after the other; the first failure ends the check. */
  readonly commands: readonly (readonly string[])[];
}

const sources = ['src', 'agent/src', 'contract/src', 'cli/src', 'migrations', 'test'];

const checks: readonly Check[] = [
  {
    name: 'types',
    looksFor: 'type errors',
    commands: [
      ['tsc', '-b'],
      ['tsc', '-p', 'tsconfig.test.json'],
    ],
  },
  { name: 'lint', looksFor: 'format and lint (fix with: npx biome check --write)', commands: [['biome', 'check', '--error-on-warnings']] },
  { name: 'imports', looksFor: 'workspace borders, purity, cycles', commands: [['depcruise', ...sources]] },
  { name: 'unused', looksFor: 'unused files, exports and packages', commands: [['knip', '--no-progress']] },
  { name: 'rules', looksFor: 'the repository’s own rules', commands: [['vitest', 'run', '--project', 'unit', 'test/rules']] },
];

interface Outcome {
  readonly check: Check;
  readonly ok: boolean;
  readonly seconds: string;
  readonly output: string;
}

const root = resolve(import.meta.dirname, '../..');
const environment = { ...process.env, PATH: `${root}/node_modules/.bin${delimiter}${process.env.PATH}` };

function run([program = '', ...args]: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((done, reject) => {
    const child = spawn(program, args, { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => reject(new Error(`${program} does not start (${error.message}). Run npm ci first.`)));
    child.once('close', (code) => done({ code: code ?? 1, output }));
  });
}

async function perform(check: Check): Promise<Outcome> {
  const began = performance.now();
  let output = '';
  let ok = true;
  for (const command of check.commands) {
    const result = await run(command);
    output += result.output;
    ok = result.code === 0;
    if (!ok) break;
  }
  return { check, ok, output, seconds: ((performance.now() - began) / 1000).toFixed(1) };
}

function report({ check, ok, seconds, output }: Outcome): void {
  process.stdout.write(`${ok ? '✓' : '✗'} ${check.name.padEnd(8)} ${seconds.padStart(5)} s  ${check.looksFor}\n`);
  if (!ok) process.stdout.write(`${output.trimEnd().replace(/^/gm, '    ')}\n`);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  process.stderr.write(`There is no check called ${unknown.join(', ')}. There are: ${checks.map((check) => check.name).join(', ')}.\n`);
  process.exit(2);
}

const chosen = checks.filter((check) => wanted.length === 0 || wanted.includes(check.name));
const outcomes = await Promise.all(
  chosen.map(async (check) => {
    const outcome = await perform(check);
    report(outcome);
    return outcome;
  }),
);
const failed = outcomes.filter((outcome) => !outcome.ok);
process.stdout.write(failed.length === 0 ? 'All checks pass.\n' : `Failed: ${failed.map((outcome) => outcome.check.name).join(', ')}.\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
