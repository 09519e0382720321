// The starter images: made from what is on this machine, because it may reach no registry, and pushed to the bundled
// one. busybox is a layer of its own, and node is a second layer upon it.
import { execFile, spawn } from 'node:child_process';
import { access, chmod, copyFile, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type ImageConfig, writeLayout } from './oci-layout.js';
import { pathsOf, registryOf, type Settings } from './plan.js';

const run = promisify(execFile);

export const starterImages = ['busybox', 'node', 'debian'] as const;
export type StarterImage = (typeof starterImages)[number];

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Makes the image and pushes it as `latest`, unless the registry has one by that name and tag. @returns whether it did. */
export async function provideImage(settings: Settings, name: StarterImage, progress: (line: string) => void): Promise<boolean> {
  if (await isInRegistry(settings, name)) return false;
  await pushImage(settings, name, progress);
  return true;
}

/** Makes the image and pushes it, in place of what the registry may have. */
export async function pushImage(settings: Settings, name: StarterImage, progress: (line: string) => void): Promise<void> {
  const workspace = join(pathsOf(settings).build, name);
  const layout = join(workspace, 'layout');
  await rm(workspace, { recursive: true, force: true });
  await mkdir(workspace, { recursive: true });
  try {
    await makers[name](workspace, layout, progress);
    await run('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', `oci:${layout}`, `docker://${registryOf(settings)}/${name}:latest`]);
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

async function isInRegistry(settings: Settings, name: string): Promise<boolean> {
  const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
  const url = `http://${registryOf(settings)}/v2/${name}/manifests/latest`;
  const answer = await fetch(url, { method: 'HEAD', headers: { accept }, signal: AbortSignal.timeout(10_000) });
  return answer.ok;
}

type Maker = (workspace: string, layout: string, progress: (line: string) => void) => Promise<void>;

const makers: Readonly<Record<StarterImage, Maker>> = {
  async busybox(workspace, layout) {
    const layer = await busyboxLayer(workspace);
    await writeLayout(layout, [layer], { Env: [path], Cmd: ['sh'], WorkingDir: '/' });
  },

  async node(workspace, layout) {
    const layers = [await busyboxLayer(workspace), await nodeLayer(workspace)];
    const config: ImageConfig = {
      Env: [path, `NODE_VERSION=${process.versions.node}`],
      Entrypoint: ['/usr/local/bin/node-entrypoint'],
      Cmd: ['node'],
      WorkingDir: '/',
    };
    await writeLayout(layout, layers, config);
  },

  async debian(workspace, layout, progress) {
    const layer = join(workspace, 'system');
    const source = await debianSource();
    progress(`debootstrap of ${source.suite} from ${source.mirror}`);
    await debootstrap(source, layer, progress);
    progress('packing');
    await writeLayout(layout, [layer], { Env: [path], Cmd: ['bash'], WorkingDir: '/' }, true);
  },
};

async function busyboxLayer(workspace: string): Promise<string> {
  const layer = join(workspace, 'busybox');
  const { stdout } = await run('/bin/busybox', ['--list']);
  const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  await makeDirectories(layer, ['bin', 'dev', 'etc', 'home', 'proc', 'root', 'run', 'sys', 'usr/bin', 'usr/sbin', 'usr/local/bin', 'var']);
  await makeDirectories(layer, ['tmp', 'var/tmp'], 0o1777);
  await chmod(join(layer, 'root'), 0o700);
  await copyFile('/bin/busybox', join(layer, 'bin/busybox'));
  await chmod(join(layer, 'bin/busybox'), 0o755);
  for (const applet of applets) await symlink('busybox', join(layer, 'bin', applet));
  // Where scripts expect it: "#!/usr/bin/env sh".
  await symlink('../../bin/busybox', join(layer, 'usr/bin/env'));
  await writeFile(join(layer, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  await writeFile(join(layer, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  return layer;
}

// As in the official image: `node`'s own options and script names need no `node` before them, other programs run as
// they are.
const nodeEntrypoint = `#!/bin/sh
case "$1" in -*) exec node "$@" ;; esac
command -v -- "$1" >/dev/null 2>&1 && exec "$@"
exec node "$@"
`;

async function nodeLayer(workspace: string): Promise<string> {
  const layer = join(workspace, 'node');
  await copyInto(layer, process.execPath, '/usr/local/bin/node');
  for (const library of await librariesOf(process.execPath)) await copyInto(layer, library, library);
  await copyInto(layer, '/etc/ssl/certs/ca-certificates.crt', '/etc/ssl/certs/ca-certificates.crt');
  const entrypoint = join(layer, 'usr/local/bin/node-entrypoint');
  await writeFile(entrypoint, nodeEntrypoint);
  await chmod(entrypoint, 0o755);
  return layer;
}

/** The shared libraries that a program needs, and the loader, by the paths at which it looks for them. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('ldd', [program]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] as string);
}

async function copyInto(layer: string, source: string, target: string): Promise<void> {
  const to = join(layer, target);
  await mkdir(dirname(to), { recursive: true });
  await cp(source, to, { dereference: true });
  await chmod(to, target.endsWith('.crt') ? 0o644 : 0o755);
}

async function makeDirectories(layer: string, names: readonly string[], mode = 0o755): Promise<void> {
  for (const name of names) {
    await mkdir(join(layer, name), { recursive: true });
    await chmod(join(layer, name), mode);
  }
}

interface DebianSource {
  readonly suite: string;
  readonly mirror: string;
}

/** The machine's own Debian release and mirror; on another system, the stable release from Debian's. */
async function debianSource(): Promise<DebianSource> {
  const release = await readFile('/etc/os-release', 'utf8');
  const isDebian = /^ID=debian$/m.test(release);
  const suite = (isDebian && /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1]) || 'stable';
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(SITE) $(ORIGIN)', 'Created-By: Packages']).catch(() => ({
    stdout: '',
  }));
  const own = stdout.split('\n').find((line) => line.endsWith(' Debian') && !line.includes('security'));
  return { suite, mirror: (isDebian && own?.split(' ')[0]) || 'http://deb.debian.org/debian' };
}

/** Tells of each package, and fails with debootstrap's own last words. */
async function debootstrap({ suite, mirror }: DebianSource, target: string, progress: (line: string) => void): Promise<void> {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  await access(keyring);
  const child = spawn('debootstrap', ['--variant=minbase', `--keyring=${keyring}`, suite, target, mirror], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = '';
  createInterface(child.stdout).on('line', (line) => {
    last = line;
    progress(line.replace(/^I: /, ''));
  });
  const code = await new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
  if (code !== 0) throw new Error(`debootstrap failed (${last.trim()}). Check that this machine reaches ${mirror}, then try again.`);
  for (const leftover of ['var/cache/apt/archives', 'var/lib/apt/lists', 'var/log']) {
    await rm(join(target, leftover), { recursive: true, force: true });
  }
  await makeDirectories(target, ['var/cache/apt/archives/partial', 'var/lib/apt/lists/partial', 'var/log']);
}
