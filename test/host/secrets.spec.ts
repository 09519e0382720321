// Secrets in real containers: variables and files, in the host's memory only, for as long as their task is there.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, exitOf, runToEnd, startTask, taskSpec, until } from '../support/runtime-task.js';

const value = `hunter2-${Math.random().toString(36).slice(2)}`;
const encoded = Buffer.from(value).toString('base64');

let registry: TestRegistry;
let image: string;
let host: RuntimeHost;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  host = await runtimeHost({ insecureRegistries: [registry.address] });
  await host.call.start([]);
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

type Uses = Parameters<typeof containerSpec>[2];
const sh = (script: string, uses: Uses) => taskSpec([containerSpec(image, ['sh', '-c', script], uses)]);
/** Files that hold the value, in clear or in base64. What is in the files of tasks’ disks is looked at where those are mounted. */
const filesWithIt = async (where: string) =>
  (await host.sh(`grep -rlaFs -D skip --exclude-dir=rootfs --exclude='*.img' -e '${value}' -e '${encoded}' ${where} || true`))
    .split('\n')
    .filter(Boolean);

describe('a secret', () => {
  it('is a variable, over the definition’s own', async () => {
    const task = sh('echo "$PASSWORD $FROM_FILE $OWN" | md5sum', {
      environment: { PASSWORD: 'no', OWN: 'own' },
      environmentFiles: ['settings'],
      secrets: [{ name: 'PASSWORD', from: 'password:3' }],
    });
    const settings = Buffer.from('# of the team\nFROM_FILE=file\nOWN=file\n').toString('base64');
    await host.call.keepSecrets(task.taskId, { 'password:3': encoded, settings });
    const { stdout } = await runToEnd(host, task);
    const { stdout: expected } = await runToEnd(host, sh(`echo "${value} file own" | md5sum`, {}));
    expect(stdout).toBe(expected);
  });

  it('is a read-only file in memory with its mode and owner, in a read-only root too', async () => {
    const task = sh(
      'stat -c "%a %u %g" /etc/app/key; wc -c </etc/app/key; grep " /etc/app/key " /proc/mounts | cut -d" " -f3; echo x >/etc/app/key',
      {
        readonlyRootFilesystem: true,
        secretFiles: [{ path: '/etc/app/key', from: 'key', mode: '0440', uid: 1000, gid: 7 }],
      },
    );
    await host.call.keepSecrets(task.taskId, { key: encoded });
    const { stdout, stderr, exit } = await runToEnd(host, task);
    expect(stdout).toBe(`440 1000 7\n${value.length}\ntmpfs\n`);
    expect(stderr).toMatch(/Read-only file system/);
    expect(exit.exitCode).not.toBe(0);
  });

  it('is on no disk while the task runs, and nowhere after', async () => {
    const task = sh('sleep 60 & wait', {
      secrets: [{ name: 'PASSWORD', from: 'password' }],
      secretFiles: [{ path: '/key', from: 'password', mode: '0400', uid: 0, gid: 0 }],
    });
    await host.call.keepSecrets(task.taskId, { password: encoded });
    await startTask(host, task);
    const inMemory = `/run/${host.instance}`;
    expect((await host.sh(`stat -f -c %T ${inMemory}`)).trim()).toBe('tmpfs');
    const held = await filesWithIt(inMemory);
    expect(held).not.toEqual([]);
    expect(held.filter((file) => file.includes('/disk/'))).toEqual([]);
    expect(await filesWithIt(host.dataDirectory)).toEqual([]);
    // Who is not root can read none of what holds it.
    const readable = held.map((file) => `su -s /bin/sh nobody -c 'cat ${file}' 2>/dev/null`).join('; ');
    expect(await host.sh(`${readable}; true`)).toBe('');
    expect(await host.sh('ps auxewww')).not.toMatch(new RegExp(`(conmon|crun|node|catatonit).*${value}`));
    await host.call.cleanup(task.taskId);
    expect(await filesWithIt(`${inMemory} ${host.dataDirectory}`)).toEqual([]);
  });

  it('is waited for by a task that was taken on before the agent died', async () => {
    const task = sh('echo "$PASSWORD" | wc -c', { secrets: [{ name: 'PASSWORD', from: 'password' }] });
    const prepared = host.call.prepare(task);
    const first = await Promise.race([
      prepared.then(() => 'prepared'),
      host.call.keepSecrets(task.taskId, { password: encoded }).then(() => 'kept'),
    ]);
    expect(first).toBe('kept');
    await prepared;
    await host.call.startContainer(task, task.containers[0] as (typeof task.containers)[number]);
    expect((await exitOf(host, task.taskId)).exitCode).toBe(0);
    await host.call.cleanup(task.taskId);
  });

  it('outlives the agent for another attempt of its container', async () => {
    const task = sh('test -n "$PASSWORD" && sleep 60 & wait', { secrets: [{ name: 'PASSWORD', from: 'password' }] });
    await host.call.keepSecrets(task.taskId, { password: encoded });
    await startTask(host, task);
    await host.restart();
    await host.call.start([task.taskId]);
    await host.call.killContainer(task.taskId, 'main');
    await exitOf(host, task.taskId);
    await host.call.cleanup(task.taskId);
  });

  it('that is gone is named, without any value, and nothing starts', async () => {
    const task = sh('true', { secrets: [{ name: 'A', from: 'gone' }] });
    await host.call.keepSecrets(task.taskId, { other: encoded });
    await host.call.prepare(task);
    await expect(host.call.startContainer(task, task.containers[0] as (typeof task.containers)[number])).rejects.toThrow(
      'The container main could not be started: the secret gone does not exist any more.',
    );
    await until(async () => (await host.call.observe(task.taskId, 'main')).is === 'absent');
    await host.call.cleanup(task.taskId);
  });
});
