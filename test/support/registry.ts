// A registry of the test's own (Debian's docker-registry) on a free port, and images made on this machine to push to it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './cluster.js';

const run = promisify(execFile);

export interface TestRegistry {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Builds an image from scratch and pushes it. @returns its pinned reference. */
  push(name: string, image: TestImage): Promise<string>;
  stop(): Promise<void>;
}

export interface TestImage {
  /** sh, with $m as the image's root directory, after busybox has been put there. */
  readonly script?: string;
  /** Arguments of `buildah config`. */
  readonly config?: readonly string[];
  /** Further layers on top, each by a script of its own. */
  readonly layers?: readonly string[];
}

/** busybox with all its programs, and a user `app` (1000:1001) of the group `extra` (2000). */
const busybox = `
mkdir -p $m/bin $m/etc $m/tmp $m/proc $m/sys $m/dev $m/root $m/home/app; chmod 1777 $m/tmp
cp /bin/busybox $m/bin/busybox
for applet in $(/bin/busybox --list); do [ $applet = busybox ] || ln -sf busybox $m/bin/$applet; done
printf 'root:x:0:0:root:/root:/bin/sh\\napp:x:1000:1001:app:/home/app:/bin/sh\\n' >$m/etc/passwd
printf 'root:x:0:\\napp:x:1001:\\nextra:x:2000:app\\n' >$m/etc/group
`;

/** The account of a registry that asks for one: `tester` with this password; the line is for its htpasswd file. */
export const registryAccount = {
  password: 'open-sesame',
  authorization: `Basic ${Buffer.from('tester:open-sesame').toString('base64')}`,
  htpasswd: 'tester:$2b$04$abcdefghijklmnopqrstuuXcjcm5avyCiJoD2uS24xa2lb6fjMB3G\n',
} as const;

/** @param withAccount refuse whoever does not log in as `registryAccount`. */
export async function startRegistry(withAccount = false): Promise<TestRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-registry-'));
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(directory, 'config.yml');
  const passwords = join(directory, 'htpasswd');
  await writeFile(passwords, registryAccount.htpasswd);
  const auth = withAccount ? `auth: {htpasswd: {realm: test, path: ${passwords}}}\n` : '';
  await writeFile(
    config,
    `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${directory}/data}, delete: {enabled: true}}\nhttp: {addr: "${address}"}\n${auth}`,
  );
  const server = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  await untilAnswering(`http://${address}/v2/`, server);
  return {
    address,
    push: (name, image) => push(directory, address, name, image),
    stop: async () => {
      const gone = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await gone;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function push(directory: string, address: string, name: string, image: TestImage): Promise<string> {
  const digestFile = join(directory, `digest-${name.replaceAll('/', '-')}`);
  const script = `
set -eu
b() { buildah --root ${directory}/b --runroot ${directory}/r --storage-driver vfs "$@"; }
c=$(b from scratch); m=$(b mount $c)
${busybox}
${image.script ?? ''}
b config --cmd /bin/sh --env PATH=/bin $c
${image.config ? `b config ${image.config.map((argument) => `'${argument}'`).join(' ')} $c` : ''}
b commit -q --rm $c work
${(image.layers ?? []).map((layer) => `c=$(b from work); m=$(b mount $c)\n${layer}\nb commit -q --rm $c work`).join('\n')}
b push -q --tls-verify=false --digestfile ${digestFile} work docker://${address}/${name}:latest
cat ${digestFile}
`;
  const { stdout } = await run('sh', ['-c', script]);
  return `${address}/${name}@${stdout.trim().split('\n').at(-1)}`;
}

async function untilAnswering(url: string, server: ChildProcess): Promise<void> {
  for (;;) {
    if (server.exitCode !== null) throw new Error('docker-registry ended at once. Is the Debian package docker-registry installed?');
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok || answer?.status === 401) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
