// Exec sessions in real containers, through the API: terminals, codes, input and output, confinement, and what is left
// when somebody goes.
import { createHash, randomBytes } from 'node:crypto';
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RealHost, startRealHost } from '../support/real-host.js';

let host: RealHost;
let image: string;
let task: Task;

beforeAll(async () => {
  host = await startRealHost();
  image = await host.registry.push('busybox', {});
  task = await host.run({ image, command: ['sleep', '100000'] });
});
afterAll(async () => {
  await host?.stop();
});

const sh = (script: string, more = {}) => host.output(task.id, ['sh', '-c', script], more);
/** Processes of the task's container whose command line has this word. */
const running = async (word: string) => {
  const { stdout } = await sh('for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline; echo; done');
  return stdout.split('\n').filter((line) => line.includes(word) && !line.includes('/proc/'));
};

describe('with a terminal', () => {
  it('the program sees one of its own, of the size of the other, which follows', async () => {
    const client = await host.exec(task.id, ['sh'], { tty: true, size: { columns: 101, rows: 33 } });
    await client.write('tty; stty size; echo first-$((1+1))\n');
    expect(await client.until((text) => text.includes('first-2'))).toMatch(/\/dev\/pts\/\d+\r\n33 101\r\n/);
    client.resize(77, 44);
    await client.write('while [ "$(stty size)" != "44 77" ]; do sleep 0.1; done; echo resized-$((1+1))\n');
    await client.until((text) => text.includes('resized-2'));
    await client.write('exit 9\n');
    expect(await client.ended).toEqual({ exitCode: 9 });
  });

  it('keys become signals, and jobs are controlled', async () => {
    const client = await host.exec(task.id, ['sh'], { tty: true });
    await client.write('sleep 4000\n');
    await vi.waitUntil(async () => (await running('sleep 4000')).length > 0, { timeout: 20_000 });
    await client.write('\x03echo code-$?\n');
    await client.until((text) => text.includes('code-130'));
    await client.write('exit\n');
    await client.ended;
  });

  it('says what could not be run, and shows all that was written before the end', async () => {
    const bare = await host.output(task.id, ['no-such-program'], { tty: true });
    expect(bare.status).toMatchObject({ error: { code: 'exec_failed', message: expect.stringContaining('"no-such-program"') } });
    // Again and again: what is lost, is lost when the end comes while somebody has not read on yet.
    for (let turn = 0; turn < 20; turn++) {
      const full = await host.output(task.id, ['sh', '-c', 'head -c 300000 /dev/zero | tr "\\0" x; echo; echo end'], { tty: true });
      expect(full.stdout.length).toBe(300_000 + '\r\nend\r\n'.length);
    }
  });
});

describe('without a terminal', () => {
  it.each([
    ['exit 0', 0],
    ['exit 7', 7],
    ['exit 255', 255],
    ['kill -9 $$', 137],
    ['kill -15 $$', 143],
  ])('%s ends with %i', async (script, exitCode) => {
    expect((await sh(script)).status).toEqual({ exitCode });
  });

  it('keeps output and errors apart, and closes the program’s input where ours ends', async () => {
    const text = randomBytes(4_000_000);
    const client = await host.exec(task.id, ['sh', '-c', 'sha256sum; echo problem >&2']);
    await client.write(text);
    client.endInput();
    expect(await client.ended).toEqual({ exitCode: 0 });
    expect(client.text()).toBe(`${createHash('sha256').update(text).digest('hex')}  -\n`);
    expect(client.text(2)).toBe('problem\n');
  });

  it('a reader that stops holds up the program, not the agent; then all of it comes', async () => {
    const client = await host.exec(task.id, ['sh', '-c', 'head -c 50000000 /dev/zero; echo written >&2']);
    client.socket.pause();
    expect((await sh('echo meanwhile')).stdout).toBe('meanwhile\n');
    expect((await running('head -c 50000000')).length).toBeGreaterThan(0);
    client.socket.resume();
    expect(await client.ended).toEqual({ exitCode: 0 });
    expect([client.bytes(), client.text(2)]).toEqual([50_000_000, 'written\n']);
  });

  it('does not wait for what it leaves in the background', async () => {
    const { stdout, status } = await sh('sleep 5000 & echo left');
    expect({ stdout, status }).toEqual({ stdout: 'left\n', status: { exitCode: 0 } });
    expect(await running('sleep 5000')).toHaveLength(1);
    await sh('pkill -f "sleep 5000"');
  });

  it('takes variables, user and directory, and refuses those that are none', async () => {
    const { stdout } = await sh('echo $A $HOME; id -u; id -g; pwd', { environment: { A: 'b' }, user: 'app', workingDirectory: '/tmp' });
    expect(stdout).toBe('b /home/app\n1000\n1001\n/tmp\n');
    const failure = async (more: object) => JSON.stringify((await sh('true', more)).status);
    expect(await failure({ user: 'nobody-knows' })).toContain('is not in the image');
    expect(await failure({ workingDirectory: '/proc/self/fd/7' })).toContain('the kernel');
    expect(await failure({ workingDirectory: '/no/such' })).toContain('exec_failed');
  });
});

describe('confinement', () => {
  const facts = (pid: string) =>
    `grep -E "^(Uid|Gid|Cap|Seccomp|NoNewPrivs)" /proc/${pid}/status; cat /proc/${pid}/cgroup; cat /proc/${pid}/limits; for n in /proc/${pid}/ns/*; do readlink $n; done`;

  it.each([{}, { user: 'app' }])('is that of the container’s own first process (%j)', async (more) => {
    const own = await host.run({ image, command: ['sleep', '100000'], ...more });
    const { stdout } = await host.output(own.id, ['sh', '-c', `${facts('1')}; echo =====; ${facts('self')}`]);
    const [first, session] = stdout.split('=====\n');
    expect(session).toBe(first?.replace(/\n$/, '\n'));
    expect(first).toMatch(/Seccomp:\t2[\s\S]*:\/\n/);
  });

  it('opens nothing but three descriptors', async () => {
    const { stdout } = await sh('ls /proc/self/fd | wc -l; ls -l /proc/self/fd | grep -v pipe');
    // The fourth is ls's own, of the directory.
    expect(stdout).toMatch(/^4\n/);
  });

  it('works where the root file system can’t be written, and says so where there is no shell', async () => {
    const readOnly = await host.run({ image, command: ['sleep', '100000'], readonlyRootFilesystem: true });
    expect((await host.output(readOnly.id, ['sh', '-c', 'echo x 2>/dev/null >/x || echo read-only'])).stdout).toBe('read-only\n');
    const bare = await host.registry.push('bare', { script: 'cp $m/bin/busybox $m/sleep; rm -rf $m/bin' });
    const without = await host.run({ image: bare, command: ['/sleep', '100000'] });
    expect((await host.output(without.id, ['sh'])).status).toMatchObject({
      error: { message: expect.stringMatching(/the image has no program "sh"; one without a shell/) },
    });
    expect((await host.output(without.id, ['/sleep', '0'])).status).toEqual({ exitCode: 0 });
  });
});

describe('when somebody goes', () => {
  it('the client: nothing of the session is left inside', async () => {
    const script = 'trap "" HUP; setsid sleep 6001 & (sleep 6002 &); sleep 6003';
    for (const tty of [false, true]) {
      const client = await host.exec(task.id, ['sh', '-c', script], { tty });
      await vi.waitUntil(async () => (await running('sleep 600')).length === 3, { timeout: 20_000 });
      client.socket.terminate();
      await vi.waitUntil(async () => (await running('sleep 600')).length === 0, { timeout: 20_000 });
    }
    expect((await host.events(task.id)).filter(({ type }) => type === 'exec-ended').at(-1)?.reason).toBeDefined();
  });

  it('the client while its input waits to be read', async () => {
    const client = await host.exec(task.id, ['sleep', '7001']);
    void client.write(Buffer.alloc(500_000));
    await vi.waitUntil(async () => (await running('sleep 7001')).length === 1, { timeout: 20_000 });
    client.socket.terminate();
    await vi.waitUntil(async () => (await running('sleep 7001')).length === 0, { timeout: 40_000 });
  });

  it('the task: its sessions end with it', async () => {
    const short = await host.run({ image, command: ['sleep', '100000'] });
    const client = await host.exec(short.id, ['sh', '-c', 'echo up; sleep 8001']);
    await client.until((text) => text === 'up\n');
    await host.berth.as(host.tenant.key).post(`/v1/tasks/${short.id}/stop`).expect(200);
    expect(await client.ended).toEqual({ exitCode: 137 });
  });

  it('the agent: the container lives on, and the session is gone when it is back', async () => {
    const client = await host.exec(task.id, ['sh', '-c', 'trap "" HUP PIPE; while :; do sleep 9001; done']);
    await vi.waitUntil(async () => (await running('sleep 9001')).length > 0, { timeout: 20_000 });
    const before = await running('sleep 100000');
    await host.kill();
    expect(await client.ended).toMatchObject({ error: { code: 'host_unreachable' } });
    await host.start();
    await vi.waitUntil(async () => (await running('sleep 9001')).length === 0, { timeout: 20_000 });
    expect(await running('sleep 100000')).toEqual(before);
    expect((await host.sh('ls -d /run/*/tasks/*/containers/*/exec/* 2>/dev/null | wc -l')).trim()).toBe('0');
  });
});
