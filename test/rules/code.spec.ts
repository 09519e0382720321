// Rules about code that neither the compiler nor the linter knows.
import { describe, expect, it } from 'vitest';
import edges from './edges.json' with { type: 'json' };
import { codeFiles, files, linesMatching, productFiles, read } from './tree.js';

const except = (paths: readonly string[], allowed: Readonly<Record<string, string>>) => {
  const patterns = Object.keys(allowed).map((pattern) => new RegExp(pattern));
  return paths.filter((path) => !patterns.some((pattern) => pattern.test(path)));
};

const roleSuffix = /\.(store|service|controller|reconciler|entity|module|guard|filter)\.ts$/;
const { $comment, ...edgePatterns } = edges;
const pureFiles = except(
  productFiles.filter((path) => !roleSuffix.test(path)),
  edgePatterns,
);

describe('environment', () => {
  it('is read in one config.ts a package', () => {
    const allowed = {
      '^(src|agent/src|cli/src)/config\\.ts$': 'the one place',
      '^src/standalone/config\\.ts$': 'the supervisor is a program of its own',
      '(^|/)(bin|test)/|\\.spec\\.ts$': 'scripts and tests hand the environment on to what they start',
      '^agent/src/runtime/(programs|pull|monitor|exec-process)\\.ts$': 'give their PATH, and nothing else, to the programs they start',
    };
    expect(linesMatching(except(codeFiles, allowed), /(?<![.\w])process\.env\b/)).toEqual([]);
  });
});

describe('SQL', () => {
  it('lives in *.store.ts and migrations', () => {
    const allowed = {
      '\\.store\\.ts$': 'the rule',
      '^migrations/': 'the rule',
      '^src/db/': 'locks for migrating, LISTEN and NOTIFY: about the connection, not about data',
      '^src/standalone/': 'makes the embedded cluster and its database before there is a store',
      '^src/http/health\\.controller\\.ts$': 'asks only whether the database answers',
      '^test/': 'tests look at what is really in the database',
    };
    const statement = /\b(SELECT\s+.+\bFROM|SELECT\s+\w+\(|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)\b|\.query\(/;
    expect(linesMatching(except(codeFiles, allowed), statement)).toEqual([]);
  });
});

describe('pure files', () => {
  it('are most of the product', () => {
    expect(pureFiles.length, 'the list of edges has swallowed the rule').toBeGreaterThan(15);
  });

  it('read no clock, no randomness and no process', () => {
    const impure =
      /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bMath\.random\(|\brandom(UUID|Bytes|Int)\(|\bprocess\.\w|\bset(Timeout|Interval|Immediate)\(|\bconsole\.|\bfetch\(/;
    expect(linesMatching(pureFiles, impure), 'take it as an argument, or give the file its role (test/rules/edges.json)').toEqual([]);
  });

  it('has no edge that has gone', () => {
    const stale = Object.keys(edgePatterns).filter((pattern) => !files.some((path) => new RegExp(pattern).test(path)));
    expect(stale).toEqual([]);
  });
});

describe('modules', () => {
  it('has one barrel, the contract’s entry', () => {
    const barrels = productFiles.filter((path) => /(^|\/)index\.tsx?$/.test(path) || /^export (\*|\{[^}]*\}) from/m.test(read(path)));
    expect(barrels).toEqual(['contract/src/index.ts']);
  });

  it('exports by name', () => {
    expect(linesMatching(productFiles, /^export default\b/)).toEqual([]);
  });

  it('has no forwardRef', () => {
    expect(linesMatching(productFiles, /\bforwardRef\(/)).toEqual([]);
  });

  it('hands a class six dependencies at the most', () => {
    const crowded = productFiles.flatMap((path) =>
      constructorParameters(read(path))
        .filter((count) => count > 6)
        .map((count) => `${path}: ${count}`),
    );
    expect(crowded, 'a class with so many dependencies has more than one job').toEqual([]);
  });

  it('counts the dependencies right', () => {
    const none = 'class A { constructor() {} }';
    const three =
      'class B { constructor(@Inject(X, { a: 1, b: 2 }) private a: Map<A, B>,\n private readonly b: (c: C, d: D) => void,\n c = [1, 2],\n) {} }';
    expect(constructorParameters(`${none}\n${three}`)).toEqual([0, 3]);
  });
});

describe('tests', () => {
  const specs = files.filter((path) => path.endsWith('.spec.ts'));

  it('leaves none out', () => {
    expect(linesMatching(specs, /\b(describe|it|test)(\.each\(.*\))?\.(only|skip|todo)\(/)).toEqual([]);
  });

  it('says why it skips', () => {
    expect(linesMatching(specs, /\bskip\(\s*\)/), 'context.skip("the reason")').toEqual([]);
  });

  it('mocks nothing of ours', () => {
    expect(linesMatching(specs, /\bvi\.(mock|doMock)\(/), 'use the real thing (CONTRIBUTING.md)').toEqual([]);
  });

  it('lies where a project of vitest.config.ts finds it', () => {
    const lost = specs.filter(
      (path) => !/^((src|contract|agent|cli)\/|test\/(rules|bench|db|e2e|faults|host|security|support|vm)\/)/.test(path),
    );
    expect(lost).toEqual([]);
  });
});

/** How many parameters each constructor has: the commas that are in no bracket of their own. */
function constructorParameters(text: string): number[] {
  return text
    .split(/\bconstructor\(/)
    .slice(1)
    .map((rest) => {
      let depth = 1;
      let parameters = '';
      for (const character of rest.replaceAll('=>', '')) {
        if ('([{<'.includes(character)) depth += 1;
        if (')]}>'.includes(character)) depth -= 1;
        if (depth === 0) break;
        if (depth === 1) parameters += character;
      }
      return parameters.split(',').filter((parameter) => parameter.trim() !== '').length;
    });
}
