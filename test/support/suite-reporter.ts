// What bin/test adds up: a vitest reporter that writes one suite's results to the file BERTH_TEST_RESULTS, as lines
// `passed N`, `failed N` and, for each skipped test, `skipped NAME: REASON`. Suites of promises end with their table.
import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import { type PromiseResult, promiseIn, tableText } from './result-table.js';

export default class SuiteReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const file = process.env.BERTH_TEST_RESULTS;
    if (file) writeFileSync(file, summarise(modules, unhandled));
    const table = tableText(promises(modules));
    if (table) process.stdout.write(`\n${table}`);
  }
}

function promises(modules: readonly TestModule[]): PromiseResult[] {
  return modules
    .flatMap((module) => [...module.children.allTests()])
    .flatMap((test) => {
      const named = promiseIn(test.name);
      const result = test.result().state;
      return named ? { ...named, result: result === 'pending' ? 'skipped' : result, reason: skipReason(test) } : [];
    });
}

function skipReason(test: TestCase): string {
  const result = test.result();
  return result.state === 'skipped' ? (result.note ?? 'no reason given') : '';
}

function summarise(modules: readonly TestModule[], unhandled: readonly SerializedError[]): string {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  // A file that does not load, and an error outside of any test, are failures without a failed test.
  const broken = modules.filter((module) => module.errors().length > 0).length;
  const skipped = tests.filter((test) => ['skipped', 'pending'].includes(test.result().state));
  return [`passed ${count('passed')}`, `failed ${count('failed') + broken + unhandled.length}`, ...skipped.map(describeSkip), ''].join(
    '\n',
  );
}

function describeSkip(test: TestCase): string {
  const result = test.result();
  const reason = 'note' in result && result.note ? result.note : 'no reason given';
  return `skipped ${test.fullName}: ${reason}`.replace(/\s+/g, ' ');
}
