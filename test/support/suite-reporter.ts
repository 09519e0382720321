// What bin/test adds up: a vitest reporter that writes one suite's results to the file BERTH_TEST_RESULTS, as lines
// `passed N`, `failed N` and, for each skipped or failed test, `skipped NAME: REASON` or `broke FILE > NAME: ERROR`.
// Suites of promises end with their table.
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
  const passed = tests.filter((test) => test.result().state === 'passed').length;
  const skipped = tests.filter((test) => ['skipped', 'pending'].includes(test.result().state));
  const broken = breakages(modules, unhandled);
  return [`passed ${passed}`, `failed ${broken.length}`, ...skipped.map(describeSkip), ...broken, ''].join('\n');
}

// A file that does not load, and an error outside of any test, are failures without a failed test.
function breakages(modules: readonly TestModule[], unhandled: readonly SerializedError[]): string[] {
  const lines = modules.flatMap((module) => [
    ...module.errors().map((error) => describeBreakage(module.relativeModuleId, error)),
    ...[...module.children.allTests('failed')].map((test) =>
      describeBreakage(`${module.relativeModuleId} > ${test.fullName}`, test.result().errors?.[0]),
    ),
  ]);
  return [...lines, ...unhandled.map((error) => describeBreakage('outside of any test', error))];
}

function describeBreakage(where: string, error: SerializedError | undefined): string {
  return `broke ${where}: ${(error?.message ?? 'no reason given').slice(0, 300)}`.replace(/\s+/g, ' ');
}

function describeSkip(test: TestCase): string {
  return `skipped ${test.fullName}: ${skipReason(test) || 'no reason given'}`.replace(/\s+/g, ' ');
}
