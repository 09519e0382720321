// Values of secrets are in the memory of those who need them, and nowhere else: not on disk, not in logs, not in what
// another user of the host sees.
import type { Isolation, TaskId } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AttackHost, attackHost, skipWithout, tierSize, tiers } from '../support/attack-host.js';
import { containerSpec, startTask, taskSpec } from '../support/runtime-task.js';

const value = `hunter2-${Math.random().toString(36).slice(2)}`;
const encoded = Buffer.from(value).toString('base64');
let host: AttackHost;

beforeAll(async () => {
  host = await attackHost();
});
afterAll(() => host?.destroy());

/** A running task that has the value as a variable and as a file. */
async function holder(tier: Isolation): Promise<TaskId> {
  const container = containerSpec(host.image, ['sh', '-c', 'test -n "$PASSWORD" && test -s /key && echo has-both; sleep 1000'], {
    secrets: [{ name: 'PASSWORD', from: 'password' }],
    secretFiles: [{ path: '/key', from: 'password', mode: '0400', uid: 0, gid: 0 }],
  });
  const task = taskSpec([container], tierSize(tier));
  await host.runtime.call.keepSecrets(task.taskId, { password: encoded });
  await startTask(host.runtime, task);
  await expect.poll(() => host.runtime.call.logs(task.taskId, {}), { timeout: 30_000 }).toMatchObject([{ text: 'has-both' }]);
  return task.taskId;
}

/** Written so that the search does not find itself. */
const pattern = `[${value[0]}]${value.slice(1)}|[${encoded[0]}]${encoded.slice(1).replaceAll('+', '[+]')}`;
const found = (where: string, as = '') =>
  host.runtime.sh(`${as} grep -rlaEs -D skip --exclude-dir=rootfs --exclude='*.img' '${pattern}' ${where} || true`);

for (const tier of tiers) {
  it(`probe ${tier}: a secret’s value is on no disk, in no log, and in nothing that another user sees`, async (context) => {
    skipWithout(tier, context);
    const taskId = await holder(tier);
    const { instance, dataDirectory, sh } = host.runtime;
    expect(await found(dataDirectory)).toBe('');
    const asNobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
    expect(await found(`/run/${instance} /proc/[0-9]*/environ /proc/[0-9]*/cmdline`, asNobody)).toBe('');
    expect(await sh(`${asNobody} ps axeww | grep -cE '${pattern}' || true`)).toBe('0\n');
    // The control: root finds it in the memory of the machine, where it has to be.
    expect((await sh(`stat -f -c %T /run/${instance}`)).trim()).toBe('tmpfs');
    expect(await found(`/run/${instance}`)).not.toBe('');
    await host.runtime.call.cleanup(taskId);
    expect(await found(`/run/${instance} ${dataDirectory}`)).toBe('');
  });
}
