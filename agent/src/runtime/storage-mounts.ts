// The mounts of a container that its definition asks for: secret files. Pure.
import type { Mount } from './bundle.js';
import type { SecretMount } from './secrets.js';

const harmless = ['nosuid', 'nodev'];

export function storageMounts(files: readonly SecretMount[]): Mount[] {
  return files.map(({ source, path }) => ({
    destination: path,
    type: 'bind',
    source,
    options: ['bind', 'rprivate', 'ro', 'noexec', ...harmless],
  }));
}
