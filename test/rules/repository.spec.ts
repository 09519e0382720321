// Rules about files: names, sizes, what must be there, links, versions. Each names what it found, so that the message
// is the repair order.
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { files, read, root } from './tree.js';

describe('names', () => {
  it('has no file or folder for leftovers', () => {
    const leftovers = files.filter((path) =>
      path
        .split('/')
        .some((part) => /^(utils?|helpers?|common|shared|misc|managers?)(\.|$)/.test(part) || /-(manager|helper|util)s?\./.test(part)),
    );
    expect(leftovers, 'name the file after the word in docs/nomenclature.md that it is about').toEqual([]);
  });

  it('writes names in kebab-case', () => {
    const outsideOurControl = /^(README|LICENSE|CONTRIBUTING|CHANGELOG|SECURITY|NOTICE)(\.md)?$|^\.|^Dockerfile$/;
    const odd = files.filter((path) =>
      path.split('/').some((part) => !outsideOurControl.test(part) && !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(part)),
    );
    expect(odd).toEqual([]);
  });

  it('defines the word of every module in the nomenclature', () => {
    const modules = [...new Set(files.map((path) => /^src\/([^/]+)\//.exec(path)?.[1]))].filter((name) => name !== undefined);
    // Edges are named after what they touch, not after a word of the domain.
    const edges = ['http', 'db', 'jobs'];
    const nomenclature = read('docs/nomenclature.md').toLowerCase();
    const undefinedWords = modules.filter((name) => !edges.includes(name) && !nomenclature.includes(name.replace(/s$/, '')));
    expect(undefinedWords, 'say in docs/nomenclature.md what these folders of src are about').toEqual([]);
  });
});

describe('what a newcomer looks for', () => {
  const expected = [
    ...['README.md', 'LICENSE', 'CONTRIBUTING.md', '.ci/run', 'package.json', 'nest-cli.json', 'tsconfig.json'],
    ...['bin/up', 'bin/down', 'bin/test', 'bin/berth', 'src/main.ts', 'src/app.module.ts', 'src/config.ts', 'src/errors.ts'],
    ...['docs/nomenclature.md', 'docs/architecture.md', 'docs/task-model.md', 'docs/performance.md', 'contract/openapi.json'],
  ];
  const folders = [
    ...['src/http', 'src/db', 'src/tasks', 'src/placement', 'src/agents', 'src/billing', 'src/accounts', 'migrations', 'contract/src'],
    ...[
      'agent/src/runtime',
      'agent/src/sim',
      'cli/src/verbs',
      'docs/decisions',
      'test/db',
      'test/e2e',
      'test/host',
      'test/bench',
      'test/support',
    ],
  ];

  it('is there', () => {
    const missing = [
      ...expected.filter((path) => !existsSync(resolve(root, path))),
      ...folders.filter((folder) => !files.some((path) => path.startsWith(`${folder}/`))).map((folder) => `${folder}/ (or it is empty)`),
    ];
    expect(missing).toEqual([]);
  });

  it('is under the Apache licence', () => {
    expect(read('LICENSE')).toContain('Apache License');
    expect(packages.filter(({ json }) => json.license !== 'Apache-2.0').map(({ path }) => path)).toEqual([]);
  });
});

describe('sizes', () => {
  const machineWritten = /^(package-lock\.json|contract\/openapi\.(json|d\.ts))$/;

  it('has no file of more than 500 lines', () => {
    const text = files.filter((path) => /\.(ts|tsx|js|cjs|mjs|md|sh|sql|tf|json)$|^bin\//.test(path) && !machineWritten.test(path));
    const long = text.map((path) => `${path}: ${read(path).split('\n').length}`).filter((entry) => Number(entry.split(': ')[1]) > 500);
    expect(long, 'split them: a reader has to hold a file in mind').toEqual([]);
  });

  it('tracks nothing large or generated', () => {
    const large = files.filter((path) => !machineWritten.test(path) && statSync(resolve(root, path)).size > 128 * 1024);
    const generated = files.filter((path) => /(^|\/)(dist|node_modules|coverage)\/|\.(tsbuildinfo|log|pid|tmp|bak|orig)$/.test(path));
    expect([...large, ...generated]).toEqual([]);
  });
});

interface PackageJson {
  license?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}
const packages = files
  .filter((path) => basename(path) === 'package.json')
  .map((path) => ({ path, json: JSON.parse(read(path)) as PackageJson }));

describe('packages', () => {
  it('pins every version exactly', () => {
    const loose = packages.flatMap(({ path, json }) =>
      Object.entries({ ...json.dependencies, ...json.devDependencies })
        .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
        .map(([name, version]) => `${path}: ${name}@${version}`),
    );
    expect(loose, 'install with npm i -E').toEqual([]);
  });

  it('uses one version of a package in all workspaces', () => {
    const versions = new Map<string, Set<string>>();
    for (const { json } of packages) {
      for (const [name, version] of Object.entries({ ...json.dependencies, ...json.devDependencies })) {
        versions.set(name, (versions.get(name) ?? new Set()).add(version));
      }
    }
    expect([...versions].filter(([, found]) => found.size > 1).map(([name, found]) => `${name}: ${[...found].join(', ')}`)).toEqual([]);
  });
});

describe('links in documents', () => {
  const documents = files.filter((path) => path.endsWith('.md'));
  const anchor = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
  const anchorsOf = (text: string) => [...withoutCode(text).matchAll(/^#+\s+(.*)$/gm)].map((match) => anchor(match[1] ?? ''));
  const withoutCode = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '');

  it.each(documents)('%s leads somewhere', (path) => {
    const targets = [...withoutCode(read(path)).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    const broken = targets.filter((target) => {
      if (/^[a-z]+:/.test(target)) return false;
      const [file = '', fragment] = target.split('#');
      const at = file === '' ? path : join(dirname(path), file);
      if (!existsSync(resolve(root, at))) return true;
      return fragment !== undefined && at.endsWith('.md') && !anchorsOf(read(at)).includes(fragment);
    });
    expect(broken).toEqual([]);
  });
});
