// What is done with a running sandbox, through the API: sessions with and without a terminal, files, ports, sizes, signals,
// freezing. All of it as in a container, or as docs/task-model.md says it differs.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openChannels } from '../support/channel-client.js';
import { copyLibraries } from '../support/copy-libraries.js';
import { type RealHost, startRealHost } from '../support/real-host.js';

const patience = { timeout: 40_000, interval: 100 };
let host: RealHost;
let image: string;
let task: Task;

const run = (script: string, more = {}) => host.run({ image, isolation: 'sandbox', command: ['sh', '-c', script], ...more });

beforeAll(async () => {
  host = await startRealHost();
  image = await host.registry.push('busybox', {
    script: `${copyLibraries('$m', '/usr/bin/id')}\ncp /usr/bin/id $m/bin/suid-id; chmod 4755 $m/bin/suid-id`,
  });
  task = await run('trap "echo heard" USR1; mkdir /www; echo page >/www/index.html; httpd -p 8080 -h /www; while :; do sleep 0.2; done');
});
afterAll(() => host?.stop());

const sh = (script: string, more = {}) => host.output(task.id, ['sh', '-c', script], more);
const api = () => host.berth.as(host.tenant.key);
const psInside = async () => (await sh('ps -o args')).stdout;
const running = async (word: string) => (await psInside()).split('\n').filter((line) => line.startsWith(word));

describe.skipIf(!existsSync('/usr/bin/runsc'))('in a sandbox', () => {
  it('a program has its input, both outputs and its exit code, in gVisor’s kernel', async () => {
    const text = randomBytes(1_000_000);
    const client = await host.exec(task.id, ['sh', '-c', 'sha256sum; echo problem >&2; exit 7']);
    await client.write(text);
    client.endInput();
    expect(await client.ended).toEqual({ exitCode: 7 });
    expect(client.text()).toBe(`${createHash('sha256').update(text).digest('hex')}  -\n`);
    expect(client.text(2)).toBe('problem\n');
    expect((await sh('kill -15 $$')).status).toEqual({ exitCode: 143 });
    expect((await sh('cat /proc/version')).stdout).toContain('Linux version 4.4.0');
  });

  it('it has the terminal’s size, which follows, its keys, and all that it wrote comes', async () => {
    const client = await host.exec(task.id, ['sh', '-i'], { tty: true, size: { columns: 101, rows: 33 } });
    await client.write('stty size; echo first-$((1+1))\n');
    expect(await client.until((text) => text.includes('first-2'))).toMatch(/33 101\r\n/);
    client.resize(77, 44);
    await client.write('while [ "$(stty size)" != "44 77" ]; do sleep 0.1; done; echo resized-$((1+1))\n');
    await client.until((text) => text.includes('resized-2'));
    await client.write('sleep 4000\n');
    await vi.waitUntil(async () => (await running('sleep 4000')).length > 0, patience);
    await client.write('\x03echo code-$?\n');
    await client.until((text) => text.includes('code-130'));
    await client.write('exit 9\n');
    expect(await client.ended).toEqual({ exitCode: 9 });
    for (let turn = 0; turn < 5; turn++) {
      const full = await host.output(task.id, ['sh', '-c', 'head -c 100000 /dev/zero | tr "\\0" x; echo; echo end'], { tty: true });
      expect(full.stdout.length).toBe(100_000 + '\r\nend\r\n'.length);
    }
  });

  it('it takes variables, user and directory, and what can’t be run is said', async () => {
    const { stdout } = await sh('echo $A $HOME; id -u; id -g; pwd', { environment: { A: 'b' }, user: 'app', workingDirectory: '/tmp' });
    expect(stdout).toBe('b /home/app\n1000\n1001\n/tmp\n');
    for (const tty of [false, true])
      expect((await host.output(task.id, ['no-such-program'], { tty })).status).toMatchObject({
        error: { code: 'exec_failed', message: expect.stringContaining('the image has no program "no-such-program"') },
      });
    expect(JSON.stringify((await sh('true', { workingDirectory: '/proc/self/fd/7' })).status)).toContain('the kernel');
  });

  it('it has the container’s capabilities, gains none, and nothing open but its three descriptors', async () => {
    const [first, session] = (await sh('for p in 1 self; do grep ^Cap /proc/$p/status; echo =; done')).stdout.split('=\n');
    expect(session).toBe(first);
    expect(first).toMatch(/CapBnd:\t00000000800405fb/);
    expect((await host.output(task.id, ['suid-id', '-u'], { user: 'app' })).stdout).toBe('1000\n');
    // The fourth is ls's own, of the directory.
    expect((await sh('ls /proc/self/fd | tr "\\n" " "')).stdout).toBe('0 1 2 3 ');
  });

  it('nothing of it is left when the client goes, or the agent dies', async () => {
    const script = 'trap "" HUP; setsid sleep 6001 & sleep 6002 & sleep 6003';
    for (const tty of [false, true]) {
      const client = await host.exec(task.id, ['sh', '-c', script], { tty });
      await vi.waitUntil(async () => (await running('sleep 600')).length === 3, patience);
      client.socket.terminate();
      await vi.waitUntil(async () => (await running('sleep 600')).length === 0, patience);
    }
    const left = await host.exec(task.id, ['sh', '-c', script]);
    await vi.waitUntil(async () => (await running('sleep 600')).length === 3, patience);
    left.socket.on('error', () => {});
    await host.kill();
    await host.start();
    await vi.waitUntil(async () => (await running('sleep 600')).length === 0, patience);
    expect((await sh('echo alive')).stdout).toBe('alive\n');
  });

  it('files are copied in and out', async () => {
    const archive = (path: string, init: RequestInit = {}) =>
      fetch(`${host.berth.url}/v1/tasks/${task.id}/archive?path=${path}`, {
        ...init,
        headers: { authorization: `Bearer ${host.tenant.key}`, 'content-type': 'application/x-tar' },
      });
    await sh('mkdir -p /from /to; echo content >/from/file; chown 1000:7 /from/file; chmod 640 /from/file');
    const out = await archive('/from/file');
    expect(out.status).toBe(200);
    expect((await archive('/to', { method: 'PUT', body: await out.arrayBuffer() })).status).toBe(204);
    expect((await sh('cat /to/file; stat -c "%u %g %a" /to/file')).stdout).toBe('content\n1000 7 640\n');
    expect((await archive('/missing')).status).toBe(404);
    expect((await api().get(`/v1/tasks/${task.id}/archive/stat?path=/to`).expect(200)).body).toMatchObject({ kind: 'directory' });
  });

  it('its ports are reached, other than those of its localhost', async () => {
    const forward = (port: number) => openChannels(`${host.berth.url}/v1/tasks/${task.id}/forward?port=${port}`, { key: host.tenant.key });
    const client = await forward(8080);
    await client.write('GET /index.html HTTP/1.0\r\n\r\n');
    expect(await client.until((text) => text.includes('page'))).toContain('200 OK');
    expect(await (await forward(8081)).ended).toMatchObject({ error: { code: 'port_closed' } });
    await sh('httpd -p 127.0.0.1:8082 -h /www');
    expect((await sh('wget -qO- http://127.0.0.1:8082/index.html')).stdout).toBe('page\n');
    expect(await (await forward(8082)).ended).toMatchObject({ error: { code: 'port_closed' } });
  });

  it('statistics, signals, freezing and a new size are as in a container', async () => {
    const stats = async () => (await api().get(`/v1/tasks/${task.id}/stats`).expect(200)).body;
    expect((await stats()).task.memory.workingSetBytes).toBeGreaterThan(1_000_000);
    await api().post(`/v1/tasks/${task.id}/signal`).send({ signal: 'USR1' }).expect(200);
    await expect.poll(async () => (await api().get(`/v1/tasks/${task.id}/logs`)).text, patience).toContain('heard');
    await sh('echo 0 >/beat; (while :; do echo x >>/beats; sleep 0.1; done) >/dev/null 2>&1 &');
    const beats = () => host.sh(`wc -c </run/${host.instance}/tasks/${task.id}/containers/main/rootfs/beats`);
    await api().post(`/v1/tasks/${task.id}/freeze`).expect(200);
    const held = await beats();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await beats()).toBe(held);
    await api().post(`/v1/tasks/${task.id}/thaw`).expect(200);
    await expect.poll(beats, patience).not.toBe(held);
    const { body } = await api().patch(`/v1/tasks/${task.id}`).send({ memoryMiB: 192 }).expect(200);
    expect(body).toMatchObject({ memoryMiB: 192 });
    await expect.poll(async () => (await stats()).task.memory.limitBytes, patience).toBe(192 * 1024 * 1024);
  });

  it('a program can be its health check', async () => {
    const checked = await run('sleep 2; touch /good; sleep 1000', {
      healthCheck: { command: ['test', '-e', '/good'], intervalSeconds: 1, retries: 1, timeoutSeconds: 5 },
    });
    await expect.poll(async () => (await api().get(`/v1/tasks/${checked.id}`)).body.health, patience).toBe('healthy');
    await host.output(checked.id, ['rm', '/good']);
    await expect.poll(async () => (await api().get(`/v1/tasks/${checked.id}`)).body.health, patience).toBe('unhealthy');
  });
});
