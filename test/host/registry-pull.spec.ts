// Pulling from registries as a host does, always by digest: the bundled registry's program, once open and once behind an
// account. What a tag means is asked by the control plane (test/e2e/registries.spec.ts).
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { registryAccount, startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, runToEnd, taskSpec } from '../support/runtime-task.js';

const run = promisify(execFile);

let directory: string;
let open: TestRegistry;
let closed: TestRegistry;
let host: RuntimeHost;
/** The same image in both. */
let digest: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-test-pull-'));
  [open, closed] = await Promise.all([startRegistry(), startRegistry(true)]);
  const pushed = await open.push('team/box', {});
  digest = pushed.slice(pushed.indexOf('@') + 1);
  const account = `tester:${registryAccount.password}`;
  const tls = ['--src-tls-verify=false', '--dest-tls-verify=false', '--dest-creds', account];
  await run('skopeo', ['copy', ...tls, `docker://${pushed}`, `docker://${closed.address}/team/box:latest`]);
  const authFile = join(directory, 'auth.json');
  await writeFile(authFile, JSON.stringify({ auths: { [closed.address]: { auth: Buffer.from(account).toString('base64') } } }));
  host = await runtimeHost({ insecureRegistries: [open.address, closed.address], registryAuthFile: authFile });
  await host.call.start([]);
});

afterAll(async () => {
  await host?.destroy();
  await open?.stop();
  await closed?.stop();
  await rm(directory, { recursive: true, force: true });
});

const hello = (image: string) => taskSpec([containerSpec(image, ['echo', 'hello'])]);

it('pulls by digest without an account', async () => {
  expect((await runToEnd(host, hello(`${open.address}/team/box@${digest}`))).stdout).toBe('hello\n');
});

it('pulls with the account of the registry', async () => {
  expect((await runToEnd(host, hello(`${closed.address}/team/box@${digest}`))).stdout).toBe('hello\n');
});

it('says when it was pulled, and that it was not when it is there', async () => {
  const image = await open.push('team/other', {});
  const [first, second] = [hello(image), hello(image)];
  const before = Date.now();
  const { pulled, timings } = await host.call.prepare(first);
  expect((pulled?.untilMs ?? 0) - (pulled?.fromMs ?? 0)).toBeGreaterThan(0);
  expect((pulled?.untilMs ?? 0) - (pulled?.fromMs ?? 0)).toBeLessThanOrEqual(Math.ceil(timings.image ?? 0) + 1);
  expect(Math.abs((pulled?.fromMs ?? 0) - before)).toBeLessThan(60_000);
  expect((await host.call.prepare(second)).pulled).toBeNull();
  for (const { taskId } of [first, second]) await host.call.cleanup(taskId);
});

it('takes no tag: what a tag means may have changed since the definition was registered', async () => {
  await expect(host.call.prepare(hello(`${open.address}/team/box:latest`))).rejects.toMatchObject({
    stopCode: 'ImagePullFailed',
    message: expect.stringContaining('not pinned'),
  });
});

it('says so when the registry wants an account that it does not have', async () => {
  const stranger = await runtimeHost({ insecureRegistries: [closed.address] });
  try {
    await stranger.call.start([]);
    await expect(stranger.call.prepare(hello(`${closed.address}/team/box@${digest}`))).rejects.toMatchObject({
      stopCode: 'ImagePullFailed',
    });
  } finally {
    await stranger.destroy();
  }
});
