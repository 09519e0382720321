// The software of a host as one file: the built agent with the packages it needs, bin/join, and this process's own Node if
// that runs elsewhere. Packed from this installation when it is first asked for. Replicas of one build pack the same bytes,
// so a checksum from one holds for what another serves.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile, realpath, rename, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { ApiError } from '../errors.js';

const run = promisify(execFile);
const workspaces = ['agent', 'contract'];
const ownFiles = ['bin/join', 'bin/lib.sh', 'bin/lib', 'agent/bin', ...workspaces.flatMap((one) => [`${one}/dist`, `${one}/package.json`])];
const packMs = 120_000;
/** What every Linux with glibc has. A Node that needs more, as Debian's own does, stays at home. */
const everywhere = /^(linux-vdso|ld-linux|libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s)\b/;

export interface Packed {
  readonly file: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

@Injectable()
export class HostSoftware {
  private packing: Promise<Packed> | null = null;

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, 'pkiDir'>) {}

  /** @throws ApiError no_host_software when this installation has no built agent, or packing failed; the next call tries again. */
  packed(): Promise<Packed> {
    this.packing ??= pack(join(this.config.pkiDir, 'host-software.tgz')).catch((cause) => {
      this.packing = null;
      throw cause instanceof ApiError ? cause : new ApiError('no_host_software', { detail: 'it could not be packed' }, { cause });
    });
    return this.packing;
  }
}

async function pack(file: string): Promise<Packed> {
  const root = installation();
  const packages = await packagesOf(root);
  const node = (await isPortable(process.execPath)) ? ['-C', dirname(process.execPath), basename(process.execPath)] : [];
  const next = `${file}.${process.pid}`;
  // Sorted, without times and owners: the same files make the same bytes.
  const sameBytes = [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=go-w',
    '--exclude=*.map',
    '--exclude=*.tsbuildinfo',
  ];
  const names = ['--transform', `s,^${basename(process.execPath)}$,bin/node,`, '--transform', 's,^,berth/,S'];
  const args = [
    ...sameBytes,
    ...names,
    '-I',
    'gzip -n -1',
    '-cf',
    next,
    '-C',
    root,
    ...ownFiles,
    'node_modules/@berth/contract',
    ...packages,
    ...node,
  ];
  await run('tar', args, { timeout: packMs });
  await rename(next, file);
  return { file, sha256: await sha256Of(file), sizeBytes: (await stat(file)).size };
}

/** The directory above this file that has the agent. @throws ApiError no_host_software */
function installation(): string {
  for (let directory = import.meta.dirname; directory !== dirname(directory); directory = dirname(directory))
    if (existsSync(join(directory, 'agent/bin/berth-agent')) && existsSync(join(directory, 'agent/dist/main.js'))) return directory;
  throw new ApiError('no_host_software', { detail: 'the agent is not built' });
}

/** Directories, relative to the installation, of all packages that agent and contract need when they run. */
async function packagesOf(root: string): Promise<string[]> {
  const found = new Set<string>();
  const waiting = [...workspaces];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const name of await dependenciesOf(join(root, directory))) {
      const at = await locate(root, name, directory);
      if (at === null || workspaces.includes(at) || found.has(at)) continue;
      found.add(at);
      waiting.push(at);
    }
  }
  return [...found].sort();
}

async function dependenciesOf(directory: string): Promise<string[]> {
  const text = await readFile(join(directory, 'package.json'), 'utf8');
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
  return Object.keys({ ...dependencies, ...optionalDependencies });
}

/** As Node finds it: in the nearest node_modules upwards. Null for an optional one that is not for this machine. */
async function locate(root: string, name: string, from: string): Promise<string | null> {
  for (let directory = from; ; directory = dirname(directory)) {
    const real = await realpath(join(root, directory, 'node_modules', name)).catch(() => null);
    if (real !== null) return relative(await realpath(root), real);
    if (directory === '.') return null;
  }
}

async function isPortable(program: string): Promise<boolean> {
  const needs = await run('ldd', [program]).catch(() => null);
  if (!needs) return false;
  const libraries = needs.stdout.split('\n').flatMap((line) => /^\s*(\S+)/.exec(line)?.[1] ?? []);
  return libraries.every((library) => everywhere.test(basename(library)));
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
