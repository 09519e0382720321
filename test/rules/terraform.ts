// infra/terraform as data: its blocks, and what their expressions refer to. Syntax is @cdktf/hcl2json's to judge.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { files, read } from './tree.js';

// Its types bring those of a browser, which contradict Node's.
const { parse } = createRequire(import.meta.url)('@cdktf/hcl2json') as {
  parse(name: string, text: string): Promise<Record<string, unknown>>;
};

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
type Block = Readonly<Record<string, Json>>;

export interface Resource {
  /** `data.aws_ami` for data sources. */
  readonly type: string;
  readonly name: string;
  readonly body: Block;
}

export interface Configuration {
  readonly variables: ReadonlyMap<string, Block>;
  readonly outputs: ReadonlyMap<string, Block>;
  readonly locals: ReadonlySet<string>;
  readonly resources: readonly Resource[];
  /** All of it, for what is looked for anywhere. */
  readonly whole: readonly Json[];
}

type Labelled = Record<string, Record<string, Block[]>>;

export const directory = 'infra/terraform';
export const templates = files.filter((path) => path.startsWith(`${directory}/templates/`));

/** @throws Error with file and line when a file is not HCL. */
export async function readConfiguration(): Promise<Configuration> {
  const paths = files.filter((path) => path.startsWith(`${directory}/`) && /^[^/]+\.tf$/.test(path.slice(directory.length + 1)));
  const parsed = await Promise.all(paths.map((path) => parse(path, read(path)) as Promise<Record<string, unknown>>));
  const all = <T>(kind: string) => parsed.flatMap((file) => (file[kind] === undefined ? [] : [file[kind] as T]));
  const named = (kind: string) =>
    new Map(
      all<Record<string, Block[]>>(kind).flatMap((blocks) => Object.entries(blocks).map(([name, [block]]) => [name, block ?? {}] as const)),
    );
  const resources = (kind: string, prefix: string) =>
    all<Labelled>(kind).flatMap((types) =>
      Object.entries(types).flatMap(([type, names]) =>
        Object.entries(names).map(([name, [body]]) => ({ type: prefix + type, name, body: body ?? {} })),
      ),
    );
  return {
    variables: named('variable'),
    outputs: named('output'),
    locals: new Set(all<Block[]>('locals').flatMap((blocks) => blocks.flatMap((block) => Object.keys(block)))),
    resources: [...resources('resource', ''), ...resources('data', 'data.')],
    whole: parsed as unknown as Json[],
  };
}

/** Every text in it, with the names that lead there. */
export function texts(value: Json, path: readonly string[] = []): { readonly path: readonly string[]; readonly text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (typeof value !== 'object' || value === null) return [];
  const entries = Array.isArray(value) ? value.map((one) => ['', one] as const) : Object.entries(value as Block);
  return entries.flatMap(([name, inner]) => texts(inner, name === '' ? path : [...path, name]));
}

/** What stands in expressions, without the literal text around and inside them. */
export function expressionsIn(text: string): string[] {
  const found: string[] = [];
  for (let at = text.indexOf('${'); at >= 0; at = text.indexOf('${', at + 2)) {
    if (text[at - 1] === '$') continue;
    let depth = 1;
    let end = at + 2;
    for (; end < text.length && depth > 0; end++) depth += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0;
    found.push(text.slice(at + 2, end - 1));
  }
  return found.map((expression) => expression.replace(/"(?:[^"\\$]|\\.|\$(?!\{))*"/g, '""'));
}

export interface Reference {
  readonly root: string;
  readonly parts: readonly string[];
}

/** `aws_vpc.main.id`, `aws_subnet.data[each.key].id`, `data.aws_region.current.name`, `var.name`, `local.tags`. */
export function referencesIn(expression: string): Reference[] {
  const pattern = /(?<![\w.])(var|local|data|each|path|module|(?:aws|random)_\w+)((?:\[[^\]]*\]|\.[A-Za-z_]\w*)+)/g;
  return [...expression.matchAll(pattern)].map(([, root = '', rest = '']) => ({
    root,
    parts: [...rest.replace(/\[[^\]]*\]/g, '').matchAll(/\.(\w+)/g)].map(([, part = '']) => part),
  }));
}

/** @returns what the shell says of the script; empty if it is one. */
export function shellFault(script: string): string {
  try {
    execFileSync('sh', ['-n'], { input: script, stdio: ['pipe', 'ignore', 'pipe'] });
    return '';
  } catch (error) {
    return String((error as { stderr: Buffer }).stderr);
  }
}
