// What a fresh, empty file system of a given size consists of: the few blocks that mkfs writes, kept in memory. Writing
// them into a sparse file takes a fifth of a millisecond where mkfs takes fifteen, so each size is made by mkfs once.
import { closeSync, fstatSync, openSync, readSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from './programs.js';
import { dataRanges } from './syscalls.js';

export interface DiskTemplate {
  readonly bytes: number;
  readonly blocks: readonly { readonly offset: number; readonly data: Buffer }[];
}

const mib = 1024 * 1024;
const blockBytes = 4096;
/** One inode for so many bytes, which is ext4's own default: the limit of files and directories follows from the size. */
export const bytesPerInode = 16_384;
const mkfsTimeoutMs = 60_000;
/** Sizes whose template is kept. Tenants choose sizes, so there is no end to them. */
const templatesKept = 16;

/** No journal, for the disk does not outlive its task; no block kept for root, who here is the tenant. */
const layout = ['-m', '0', '-b', String(blockBytes), '-i', String(bytesPerInode), '-O', '^has_journal,^resize_inode,sparse_super2'];
const extended = ['-E', 'lazy_itable_init=1,nodiscard,num_backup_sb=0'];

/** @returns a function that gives the template of a size in MiB, made at the first request. It throws when mkfs does. */
export function diskTemplates(directory: string): (sizeMiB: number) => Promise<DiskTemplate> {
  const templates = new Map<number, Promise<DiskTemplate>>();
  return (sizeMiB) => {
    const template = templates.get(sizeMiB) ?? makeTemplate(directory, sizeMiB);
    templates.delete(sizeMiB);
    templates.set(sizeMiB, template);
    template.catch(() => templates.delete(sizeMiB));
    const oldest = templates.keys().next().value;
    if (templates.size > templatesKept && oldest !== undefined) templates.delete(oldest);
    return template;
  };
}

async function makeTemplate(directory: string, sizeMiB: number): Promise<DiskTemplate> {
  const file = join(directory, `template-${sizeMiB}.img`);
  const bytes = sizeMiB * mib;
  try {
    writeFileSync(file, '', { mode: 0o600 });
    truncateSync(file, bytes);
    await mustRun('mkfs.ext4', ['-q', '-F', ...layout, ...extended, file], { timeoutMs: mkfsTimeoutMs });
    return { bytes, blocks: readData(file) };
  } finally {
    rmSync(file, { force: true });
  }
}

/** Everything in the file that is not zero, block by block, neighbours joined. */
function readData(file: string): DiskTemplate['blocks'] {
  const fd = openSync(file, 'r');
  try {
    return dataRanges(fd, fstatSync(fd).size).flatMap(({ from, to }) => {
      const data = Buffer.alloc(to - from);
      readSync(fd, data, 0, data.length, from);
      return withoutZeros(from, data);
    });
  } finally {
    closeSync(fd);
  }
}

export function withoutZeros(start: number, data: Buffer): { offset: number; data: Buffer }[] {
  const found: { offset: number; data: Buffer }[] = [];
  let from = -1;
  for (let at = 0; at < data.length + blockBytes; at += blockBytes) {
    const isData = at < data.length && data.subarray(at, at + blockBytes).some((byte) => byte !== 0);
    if (isData && from < 0) from = at;
    if (!isData && from >= 0) {
      found.push({ offset: start + from, data: data.subarray(from, Math.min(at, data.length)) });
      from = -1;
    }
  }
  return found;
}
