// The repository as its rules see it: the files git tracks or would track, and their text.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** Paths from the root, with forward slashes: tracked files, and new ones that .gitignore does not name. */
export const files: readonly string[] = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(resolve(root, path)));

export function read(path: string): string {
  return readFileSync(resolve(root, path), 'utf8');
}

/** The product's own TypeScript, without tests. */
export const productFiles = files.filter(
  (path) => /^(src|migrations|(agent|contract|cli|console)\/src)\/.*\.tsx?$/.test(path) && !/\.spec\.tsx?$/.test(path),
);

export const codeFiles = files.filter((path) => /\.(ts|tsx|cjs|mjs|js)$/.test(path));

/** Each line of `paths` that matches, as `path:line: text`. Comments are skipped: they may name what code may not do. */
export function linesMatching(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .map((text, index) => ({ text, line: index + 1 }))
      .filter(({ text }) => !/^\s*(\/\/|\*|\/\*)/.test(text) && pattern.test(text))
      .map(({ text, line }) => `${path}:${line}: ${text.trim()}`),
  );
}
