// A persistent volume on the host: a file system of its own, in a sparse file that stays until the volume is deleted. Its
// size is the hard limit, in bytes and in inodes. Unlike a task's disk it has a journal and survives a power cut.
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { bytesPerInode } from './disk-template.js';
import { attachLoop, type Loop } from './loop.js';
import { isMountPoint } from './mounts-below.js';
import { mustRun } from './programs.js';
import { readOrEmpty } from './records.js';
import { mount, mountFlags, unmount } from './syscalls.js';

export interface VolumePlace {
  readonly image: string;
  readonly mount: string;
}

const mib = 1024 * 1024;
const mkfsTimeoutMs = 120_000;
const syncTimeoutMs = 120_000;
/** A device that was about to go can go between finding it and mounting it. */
const attempts = 20;
/** No block is kept for root, who here is the tenant. */
const layout = ['-m', '0', '-b', '4096', '-i', String(bytesPerInode), '-O', '^resize_inode'];
const extended = ['-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'];
/** What is deleted inside gives its space on the host's disk back. */
const options = 'discard,errors=remount-ro';
/** As an empty directory that any user of a container may begin to use, whoever that user is. */
const rootMode = 0o777;

/** Mounts the volume, which is made if it is not there. Nothing happens if it is mounted. */
export async function mountVolume(at: VolumePlace, sizeMiB: number): Promise<void> {
  if (isMountPoint(at.mount)) return;
  if (!existsSync(at.image)) await makeImage(at.image, sizeMiB);
  mkdirSync(at.mount, { recursive: true, mode: 0o711 });
  for (let attempt = 1; !tryMount(at); attempt += 1) if (attempt === attempts) throw new Error(`the device of ${at.image} comes and goes`);
  if (takeLostAndFound(at.mount)) chmodSync(at.mount, rootMode);
}

/** It is there in a new file system only. Programs that want an empty directory, PostgreSQL for one, take offence at it. */
function takeLostAndFound(directory: string): boolean {
  try {
    rmdirSync(join(directory, 'lost+found'));
    return true;
  } catch {
    return false;
  }
}

/** What was written is on the host's disk when this resolves. Safe twice. */
export async function unmountVolume({ mount: target }: VolumePlace): Promise<void> {
  if (!existsSync(target)) return;
  // Without it the kernel would write back while the agent waits in umount(2).
  if (isMountPoint(target)) await mustRun('sync', ['-f', target], { timeoutMs: syncTimeoutMs });
  while (unmount(target));
  rmdirSync(target);
}

/** With all that is in it. No task may use it. Safe twice, and if it was never made. */
export function removeVolume({ image, mount: target }: VolumePlace): void {
  while (unmount(target));
  if (existsSync(target)) rmdirSync(target);
  for (const file of [image, `${image}.new`]) rmSync(file, { force: true });
}

async function makeImage(image: string, sizeMiB: number): Promise<void> {
  const unfinished = `${image}.new`;
  mkdirSync(dirname(image), { recursive: true, mode: 0o700 });
  rmSync(unfinished, { force: true });
  closeSync(openSync(unfinished, 'wx', 0o600));
  truncateSync(unfinished, sizeMiB * mib);
  await mustRun('mkfs.ext4', ['-q', '-F', ...layout, ...extended, unfinished], { timeoutMs: mkfsTimeoutMs });
  renameSync(unfinished, image);
}

/**
 * A file must never have two devices: each would have a file system of its own in it. One that is still there, because
 * some mount namespace has not let go of the volume yet, is used again.
 * @returns false when that one went at the same moment.
 */
function tryMount(at: VolumePlace): boolean {
  const device = deviceOf(at.image);
  const loop = device === null ? attach(at.image) : openAgain(device, at.image);
  if (!loop) return false;
  try {
    mount(loop.path, at.mount, 'ext4', mountFlags.noSuid | mountFlags.noDev | mountFlags.noAtime, options);
    return true;
  } finally {
    // The mount holds it from now on; without one it detaches itself.
    closeSync(loop.fd);
  }
}

function attach(image: string): Loop {
  const file = openSync(image, 'r+');
  try {
    return attachLoop(file);
  } finally {
    closeSync(file);
  }
}

/** Held by us it can't go any more, but it may have gone just before: then null. */
function openAgain(device: string, image: string): Loop | null {
  const fd = openSync(device, 'r+');
  if (deviceOf(image) === device) return { path: device, fd };
  closeSync(fd);
  return null;
}

/** The device that this file is behind, or null. */
function deviceOf(image: string): string | null {
  const real = realpathSync(image);
  const name = readdirSync('/sys/block').find(
    (device) => device.startsWith('loop') && readOrEmpty(`/sys/block/${device}/loop/backing_file`).trim() === real,
  );
  return name ? `/dev/${name}` : null;
}
