// A container as crun makes it with none of what Berth puts around it: root inside is the host's root, and nobody has
// looked at the bundle. For the controls of attacks.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { copyLibraries } from './copy-libraries.js';

const run = promisify(execFile);

interface BareProcess {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly capabilities?: readonly string[];
}

/**
 * @param directory where it is made; `rootfs` in it has busybox and perl.
 * @param script sh, in `rootfs`, before the container is made.
 * @param readonlyPaths as Berth's bundles have them.
 */
export async function bareBundle(
  directory: string,
  process: BareProcess,
  mounts: readonly string[],
  script = '',
  readonlyPaths: readonly string[] = [],
): Promise<void> {
  const rootfs = join(directory, 'rootfs');
  await mkdir(rootfs, { recursive: true });
  const kinds: Readonly<Record<string, string>> = { '/proc': 'proc', '/sys': 'sysfs' };
  const capabilities = process.capabilities ?? [];
  const config = {
    ociVersion: '1.0.2',
    root: { path: 'rootfs' },
    process: {
      user: { uid: 0, gid: 0 },
      cwd: '/',
      env: ['PATH=/bin'],
      ...process,
      capabilities: { bounding: capabilities, permitted: capabilities, effective: capabilities },
    },
    mounts: mounts.map((destination) => ({ destination, type: kinds[destination] ?? 'tmpfs', source: 'none' })),
    linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }], readonlyPaths },
  };
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  const busybox = `
mkdir -p bin dev proc sys tmp etc && cp /bin/busybox bin && for name in sh sleep cat ls; do ln -s busybox bin/$name; done
cp /usr/bin/perl bin; ${copyLibraries('.', '/usr/bin/perl')}`;
  await run('sh', ['-euc', `${busybox}\n${script}`], { cwd: rootfs });
}
