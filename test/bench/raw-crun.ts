// The yardstick: crun alone, no monitor, no limits, no log, with the same root file system and namespaces as a task.
// One shell a lane stays in a private mount namespace and starts crun on demand, which costs less than spawning it
// from Node: the yardstick shall not be handicapped by us.
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface RawCrun {
  readonly rootfs: string;
  /** Runs `args` once in the first lane. @returns what it wrote. */
  once(args: readonly string[]): Promise<string>;
  /** Runs `args` so many times, so many at a time. */
  many(args: readonly string[], count: number, width: number): Promise<void>;
  /** The directory goes when the process ends, however it ends. */
  close(): void;
}

/** Unpacks `image` from `registry`. @throws Error when crun or skopeo is missing, or a run does not exit with 0. */
export async function prepareCrun(registry: string, image: string): Promise<RawCrun> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-bench-crun-'));
  await chmod(directory, 0o755);
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const rootfs = await unpack(directory, registry, image);
  const lanes: Lane[] = [];
  const lane = (index: number) => {
    lanes[index] ??= startLane(join(directory, 'state'));
    return lanes[index];
  };
  let containers = 0;
  const runIn = (which: Lane, bundle: string) => which.run(bundle, `bench-${process.pid}-${containers++}`);
  return {
    rootfs,
    once: async (args) => runIn(lane(0), await writeBundle(directory, rootfs, args)),
    async many(args, count, width) {
      const bundle = await writeBundle(directory, rootfs, args);
      let left = count;
      const work = async (which: Lane) => {
        while (left-- > 0) await runIn(which, bundle);
      };
      await Promise.all(Array.from({ length: width }, (_, index) => work(lane(index))));
    },
    close() {
      for (const one of lanes) one.close();
    },
  };
}

interface Lane {
  run(bundle: string, id: string): Promise<string>;
  close(): void;
}

/** crun 1.8 refuses a hybrid cgroup hierarchy, so the lane's own mount namespace does without the v2 half. */
const laneScript = `
if [ -d /sys/fs/cgroup/unified ]; then umount -l /sys/fs/cgroup/unified; fi
while read -r bundle id; do
  crun --root "$0" run --bundle "$bundle" "$id" </dev/null
  echo "exit $id $?"
done`;

function startLane(state: string): Lane {
  const child: ChildProcessWithoutNullStreams = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', laneScript, state]);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2000);
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async run(bundle, id) {
      child.stdin.write(`${bundle} ${id}\n`);
      const output: string[] = [];
      while (true) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`The lane of crun ended: ${errors}`);
        if (value === `exit ${id} 0`) return output.join('\n');
        if (value.startsWith(`exit ${id} `)) throw new Error(`crun run failed: ${errors || output.join(' ')}`);
        output.push(value);
      }
    },
    close: () => child.stdin.end(),
  };
}

async function unpack(directory: string, registry: string, image: string): Promise<string> {
  const layout = join(directory, 'image');
  const rootfs = join(directory, 'rootfs');
  await mkdir(rootfs);
  await run('skopeo', ['copy', '--quiet', '--src-tls-verify=false', `docker://${registry}/${image}`, `dir:${layout}`]);
  const manifest = JSON.parse(await readFile(join(layout, 'manifest.json'), 'utf8')) as { layers: { digest: string }[] };
  for (const { digest } of manifest.layers) await run('tar', ['-xzf', join(layout, digest.replace('sha256:', '')), '-C', rootfs]);
  await run('chown', ['-R', '--no-dereference', `${firstId}:${firstId}`, rootfs]);
  if ((await readdir(rootfs)).length === 0) throw new Error(`${registry}/${image} is empty.`);
  return rootfs;
}

/** Far above the ranges that Berth gives to tasks. */
const firstId = 1_900_000_000;

async function writeBundle(directory: string, rootfs: string, args: readonly string[]): Promise<string> {
  const bundle = join(directory, `bundle-${args.join('_').replace(/[^a-z0-9]+/gi, '-')}`);
  await mkdir(bundle, { recursive: true });
  await writeFile(join(bundle, 'config.json'), JSON.stringify(configOf(rootfs, args)));
  return bundle;
}

function configOf(rootfs: string, args: readonly string[]) {
  const mapping = [{ containerID: 0, hostID: firstId, size: 65_536 }];
  const safe = ['nosuid', 'noexec', 'nodev'];
  return {
    ociVersion: '1.0.2',
    root: { path: rootfs },
    hostname: 'bench',
    process: { user: { uid: 0, gid: 0 }, args, env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], cwd: '/', noNewPrivileges: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance'] },
      { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...safe, 'mode=1777'] },
      { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: safe },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...safe, 'ro'] },
    ],
    linux: {
      namespaces: ['pid', 'mount', 'ipc', 'uts', 'cgroup', 'network', 'user'].map((type) => ({ type })),
      uidMappings: mapping,
      gidMappings: mapping,
    },
  };
}
