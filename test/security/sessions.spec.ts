// What is done inside a running container has no more rights than the container: sessions, and copies against a tenant's
// links. Of sandboxes: test/host/sandbox.spec.ts.
import { readFileSync } from 'node:fs';
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { copyLibraries } from '../support/copy-libraries.js';
import { itself, makeItself, overwriteWhoComes } from '../support/overwrite-attack.js';
import { type RealHost, startRealHost } from '../support/real-host.js';
import { noSuchCall, probeProgram, systemCallProbes } from '../support/system-call-probes.js';

let host: RealHost;
let image: string;
let task: Task;

beforeAll(async () => {
  host = await startRealHost();
  image = await host.registry.push('perl', {
    script: `
cp /usr/bin/perl $m/bin/perl; cp /usr/bin/id $m/bin/suid-id; chmod 4755 $m/bin/suid-id
${copyLibraries('$m', '/usr/bin/perl')}; ${copyLibraries('$m', '/usr/bin/id')}
${makeItself('$m')}`,
  });
  task = await host.run({ image, command: ['sleep', '100000'] });
});
afterAll(async () => {
  await host?.stop();
});

const said = async (command: string[], more = {}) => (await host.output(task.id, command, more)).stdout;
const errnosIn = (text: string) => text.trim().split('\n').map(Number);

it('probe container: a session is refused the same system calls as the container', async () => {
  const dangerous = systemCallProbes.filter(({ what }) => what !== noSuchCall);
  const own = await host.run({ image, command: ['sh', '-c', `perl -e '${probeProgram(dangerous)}' >/said; sleep 100000`] });
  await expect
    .poll(async () => errnosIn((await host.output(own.id, ['cat', '/said'])).stdout).length, { timeout: 30_000 })
    .toBe(dangerous.length);
  const ofContainer = errnosIn((await host.output(own.id, ['cat', '/said'])).stdout);
  const ofSession = errnosIn(await said(['perl', '-e', probeProgram(dangerous)]));
  // Whoever types into a terminal has one: that call's answer depends on it, its refusal does not.
  expect(ofSession).toEqual(ofContainer);
  expect(ofSession).not.toContain(0);
});

it('probe container: a session has the container’s capabilities, filter and control group, and gains nothing', async () => {
  const facts =
    'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/$p/status; cat /proc/$p/cgroup; cat /proc/$p/uid_map; for n in /proc/$p/ns/*; do readlink $n; done';
  const [first, session] = (await said(['sh', '-c', `p=1; ${facts}; echo =====; p=self; ${facts}`])).split('=====\n');
  expect(session).toBe(first);
  expect(first).toMatch(/NoNewPrivs:\t1[\s\S]*Seccomp:\t2/);
  expect(await said(['suid-id', '-u'], { user: 'app' })).toBe('1000\n');
  // The control: a process of the host has other ones.
  expect(first).not.toContain(/^CapEff:.*$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[0]);
});

it('probe container: a session has its standard descriptors open and no others', async () => {
  for (const tty of [false, true]) {
    const open = (await said(['perl', '-e', 'for (0 .. 1023) { print "$_ " if -e "/proc/self/fd/$_" }'], { tty })).trim();
    expect(open).toBe('0 1 2');
  }
});

it('probe container: a session can’t begin in somebody’s descriptor (CVE-2024-21626)', async () => {
  for (const workingDirectory of ['/proc/self/fd/7', '/tmp/../proc/self/fd/8', '/dev/fd/7'])
    expect(JSON.stringify((await host.output(task.id, ['pwd'], { workingDirectory })).status)).toContain('the kernel');
  await said(['sh', '-c', 'ln -sf /proc/self/fd/7 /work7; ln -sf /proc/self/fd/8 /work8']);
  for (const workingDirectory of ['/work7', '/work8']) {
    const { stdout } = await host.output(
      task.id,
      ['sh', '-c', 'cat ../../../etc/shadow ../../etc/shadow ../etc/shadow etc/shadow 2>/dev/null'],
      {
        workingDirectory,
      },
    );
    expect(stdout).not.toMatch(/root:[*!$]/);
  }
  expect(await said(['pwd'], { workingDirectory: '/tmp' })).toBe('/tmp\n');
});

it('probe container: a session whose program is /proc/self/exe leaves crun as it is (CVE-2019-5736)', async () => {
  const sum = () => host.sh('sha256sum /usr/bin/crun');
  const before = await sum();
  const { id } = await host.run({ image, command: ['sh', '-c', 'exec perl -e "$0" >/said', overwriteWhoComes] });
  // Read from outside: a session that reads it would be attacked as well.
  const heard = async () => (await host.sh(`cat /run/${host.instance}/tasks/${id}/containers/main/rootfs/said`)).trim().split('\n');
  await expect.poll(heard, { timeout: 30_000 }).toContain('watching');
  for (const command of itself) await host.output(id, [...command]);
  // The kernel's words: it was a sealed copy, of which there is nothing to be had by writing.
  const answers = async () => [...new Set((await heard()).filter((line) => !/^(watching|held .*)$/.test(line)))];
  await expect.poll(answers, { timeout: 30_000 }).toEqual(['/memfd:berth-program (deleted): Operation not permitted']);
  expect(await sum()).toBe(before);
});
