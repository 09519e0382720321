// What a test run brings into the virtual machine: this checkout's built agent with the packages it needs, bin/join, and the
// Node that runs the tests. They are laid out as in the checkout, in a directory that becomes the machine's second disk.
import { access, cp, mkdir, readFile, realpath, symlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const workspaces = ['agent', 'contract'];

/** @throws Error when the agent has not been built. */
export async function writePayload(target: string): Promise<void> {
  await access(join(root, 'agent/dist/main.js')).catch(() => {
    throw new Error('The agent has not been built. Run: npm run build');
  });
  for (const own of ['agent/bin', 'bin/join', 'bin/lib.sh', 'bin/lib']) await copy(own, target);
  for (const workspace of workspaces) {
    for (const part of ['dist', 'package.json']) await copy(join(workspace, part), target);
  }
  for (const directory of await packagesOf(workspaces)) await copy(directory, target);
  await mkdir(join(target, 'node_modules/@berth'), { recursive: true });
  await symlink('../../contract', join(target, 'node_modules/@berth/contract'));
  await cp(process.execPath, join(target, 'bin/node'));
}

async function copy(path: string, target: string): Promise<void> {
  const from = join(root, path);
  await mkdir(dirname(join(target, path)), { recursive: true });
  // A package's own node_modules are packages of their own, copied if something needs them.
  const filter = (source: string) => !relative(from, source).split('/').includes('node_modules');
  await cp(from, join(target, path), { recursive: true, filter });
}

/** Directories, relative to the checkout, of all packages that the given ones need when they run. */
async function packagesOf(directories: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  const waiting = [...directories];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const name of await dependenciesOf(directory)) {
      const at = await locate(name, directory);
      if (at === null || workspaces.includes(at) || found.has(at)) continue;
      found.add(at);
      waiting.push(at);
    }
  }
  return found;
}

async function dependenciesOf(directory: string): Promise<string[]> {
  const text = await readFile(join(root, directory, 'package.json'), 'utf8');
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
  return Object.keys({ ...dependencies, ...optionalDependencies });
}

/** As Node finds it: in the nearest node_modules upwards. Null for an optional one that is not for this machine. */
async function locate(name: string, from: string): Promise<string | null> {
  for (let directory = from; ; directory = dirname(directory)) {
    const real = await realpath(join(root, directory, 'node_modules', name)).catch(() => null);
    if (real !== null) return relative(root, real);
    if (directory === '.') return null;
  }
}
