// For comparison, where its daemon happens to run: `docker run` of the same root file system, and, where that daemon
// manages a swarm, a job of a Swarm service.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const image = 'berth-bench:latest';
const service = 'berth-bench';
const swarmMs = 300_000;

export interface Docker {
  once(args: readonly string[]): Promise<string>;
  /** Runs a service's job of so many tasks, as many at a time as Swarm likes. @returns false where there is no swarm. */
  swarmJob(args: readonly string[], count: number): Promise<boolean>;
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
    swarmJob: async (args, count) => {
      const { stdout } = await run('docker', ['info', '--format', '{{.Swarm.ControlAvailable}}']);
      if (stdout.trim() !== 'true') return false;
      const job = ['--mode', 'replicated-job', '--replicas', String(count), '--max-concurrent', String(count)];
      const options = ['--name', service, '--no-resolve-image', '--restart-condition', 'none', '--quiet'];
      try {
        // It returns when all have completed.
        await run('docker', ['service', 'create', ...options, ...job, image, ...args], { timeout: swarmMs });
      } finally {
        await run('docker', ['service', 'rm', service]).catch(() => {});
      }
      return true;
    },
    close: async () => {
      await run('docker', ['image', 'rm', '--force', image]);
    },
  };
}
