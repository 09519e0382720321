// The bundled image registry: Debian's docker-registry on loopback, its data below the data directory.
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Running, spawnChild } from './child.js';
import { pathsOf, registryOf, type Settings } from './plan.js';

/** Text of docker-registry's config.yml. JSON is YAML, and quotes every path safely. */
export function registryConfig(address: string, directory: string, secret: string): string {
  const config = {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(directory, 'data') },
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: true, age: '24h', interval: '1h', dryrun: false } },
    },
    http: { addr: address, secret, headers: { 'X-Content-Type-Options': ['nosniff'] } },
    health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Starts it and waits until it answers. */
export async function startRegistry(settings: Settings): Promise<Running> {
  const directory = pathsOf(settings).registry;
  const configFile = join(directory, 'config.yml');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // The secret signs the state of uploads between replicas. There is one replica, and a restart ends its uploads.
  const config = registryConfig(registryOf(settings), directory, randomBytes(32).toString('hex'));
  await writeFile(configFile, config, { mode: 0o600 });
  const environment = { PATH: settings.environment.PATH };
  const command = { program: 'docker-registry', args: ['serve', configFile], environment };
  const running = await spawnChild(command, join(pathsOf(settings).logs, 'registry.log'), 5_000);
  await waitUntilAnswers(`http://${registryOf(settings)}/v2/`, running);
  return running;
}

async function waitUntilAnswers(url: string, running: Running): Promise<void> {
  const deadline = AbortSignal.timeout(15_000);
  let died: string | null = null;
  running.exited.then((how) => {
    died = how;
  });
  for (;;) {
    if (
      await fetch(url, { signal: deadline }).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return;
    if (died || deadline.aborted) {
      await running.stop();
      throw new Error(died ? `it has ended with ${died}` : `${url} does not answer`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
