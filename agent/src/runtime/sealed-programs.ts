// Sealed copies of programs, made anew when the program has been replaced on the host.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { sealedCopy } from './spawn.js';

export interface SealedPrograms {
  /** A path to start the copy by, for a child of this process. A script's own path. @throws when there is no such program. */
  pathOf(program: string): string;
}

export function sealedPrograms(): SealedPrograms {
  const copies = new Map<string, { readonly fd: number; readonly version: string }>();
  return {
    pathOf: (program) => {
      const { ino, size, mtimeMs } = statSync(program);
      const version = `${ino} ${size} ${mtimeMs}`;
      const known = copies.get(program);
      if (known?.version === version) return `/proc/self/fd/${known.fd}`;
      // Its interpreter would look for the script when the copy is closed already.
      if (isScript(program)) return program;
      const fd = sealedCopy(program);
      copies.set(program, { fd, version });
      if (known) closeSync(known.fd);
      return `/proc/self/fd/${fd}`;
    },
  };
}

function isScript(program: string): boolean {
  const head = Buffer.alloc(2);
  const fd = openSync(program, 'r');
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  return head.toString('latin1') === '#!';
}
