// Loop devices, by the two calls that make one: a losetup costs the start of a program.
import { closeSync, openSync } from 'node:fs';
import { ioctl, ioctlNumber, SyscallError } from './syscalls.js';

export interface Loop {
  readonly path: string;
  readonly fd: number;
}

const getFree = 0x4c82;
const configure = 0x4c0a;
const autoclear = 4;
const configBytes = 304;
const flagsAt = 60;
const logicalBlockBytes = 4096;
/** Between asking for a free device and taking it somebody else may have taken it. */
const attempts = 100;

/**
 * Makes a block device of the file open as `file`. It detaches itself when the last one who has it open, or mounted,
 * lets go of it. The caller closes `fd`.
 */
export function attachLoop(file: number): Loop {
  const control = openSync('/dev/loop-control', 'r+');
  try {
    for (let attempt = 1; ; attempt++) {
      const path = `/dev/loop${ioctlNumber(control, getFree, '/dev/loop-control')}`;
      const loop = tryAttach(path, file, attempt < attempts);
      if (loop) return loop;
    }
  } finally {
    closeSync(control);
  }
}

function tryAttach(path: string, file: number, mayBeBusy: boolean): Loop | null {
  const fd = openSync(path, 'r+');
  const config = Buffer.alloc(configBytes);
  config.writeUInt32LE(file, 0);
  config.writeUInt32LE(logicalBlockBytes, 4);
  config.writeUInt32LE(autoclear, flagsAt);
  try {
    ioctl(fd, configure, config, path);
    return { path, fd };
  } catch (error) {
    closeSync(fd);
    if (mayBeBusy && error instanceof SyscallError && error.code === 'EBUSY') return null;
    throw error;
  }
}
