// For comparison, where its daemon happens to run: `docker run` of the same root file system.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const image = 'berth-bench:latest';

export interface Docker {
  once(args: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

/** @returns null when there is no docker, or its daemon does not answer. */
export async function prepareDocker(rootfs: string): Promise<Docker | null> {
  const there = await run('docker', ['info'], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
  if (!there) return null;
  await run('sh', ['-c', `tar -C "$0" -c . | docker import - ${image}`, rootfs]);
  return {
    once: async (args) => (await run('docker', ['run', '--rm', image, ...args])).stdout,
    close: async () => {
      await run('docker', ['image', 'rm', '--force', image]);
    },
  };
}
