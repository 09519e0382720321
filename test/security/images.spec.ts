// Images made to lead their host astray: by links where something will be mounted or read, by devices, by a program that
// is the runtime itself. What crun does with the same and without what Berth puts around it is in bare-crun.spec.ts.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ContainerSpec, Isolation } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runtimeDefaults } from '../../agent/src/runtime/options.js';
import { type AttackHost, attackHost, skipWithout, tierSize, tiers } from '../support/attack-host.js';
import { copyLibraries } from '../support/copy-libraries.js';
import { makeItself, overwriteProcess } from '../support/overwrite-attack.js';
import { containerSpec, runToEnd, startTask, taskSpec } from '../support/runtime-task.js';

const run = promisify(execFile);
const outside = `/tmp/berth-test-outside-${process.pid}`;
const kernels = ['dev', 'proc', 'sys'];
let host: AttackHost;
let traps: string;
/** By directory, an image with a link in its place. */
const linked = new Map<string, string>();

beforeAll(async () => {
  host = await attackHost();
  traps = await host.push('traps', {
    script: `
cp /usr/bin/perl $m/bin/perl; ${copyLibraries('$m', '/usr/bin/perl')}
mkdir -p $m${outside}; ln -s ../../../../../../../..${outside} $m/out; ln -s /no/such $m/to-nothing; ln -s /proc $m/to-proc; ln -s / $m/to-root
for fd in 0 3 5 7 8 9; do ln -s /proc/self/fd/$fd $m/work$fd; done; ln -s /tmp $m/work-plain
rm $m/etc/passwd; ln -s ../../../../../../../../etc/shadow $m/etc/passwd; echo 'image:x:0:0::/:' >$m/etc/shadow
ln -s ../../../../../../../../etc/shadow $m/etc/hosts
mknod $m/disk b 8 0; mknod $m/kmsg c 1 11; chmod 666 $m/disk $m/kmsg
${makeItself('$m')}`,
  });
  for (const name of kernels)
    linked.set(name, await host.push(`link-${name}`, { script: `rm -rf $m/${name}; ln -s ../../../../../../..${outside} $m/${name}` }));
  await host.runtime.sh(`mkdir -p ${outside}`);
});

afterAll(async () => {
  await host?.runtime.sh(`rm -rf ${outside}`);
  await host?.destroy();
});

const task = (tier: Isolation, image: string, command: string[], more: Partial<ContainerSpec> = {}) =>
  taskSpec([containerSpec(image, command, more)], tierSize(tier));
const sh = (tier: Isolation, script: string, more: Partial<ContainerSpec> = {}) => task(tier, traps, ['sh', '-c', script], more);
const tmpfs = (path: string) => ({ tmpfs: [{ path, sizeMiB: 1, mode: '1777', uid: 0, gid: 0, exec: false }] });

async function refusal(spec: ReturnType<typeof taskSpec>): Promise<string> {
  const said = await startTask(host.runtime, spec).then(
    () => 'it started',
    (error: Error) => error.message,
  );
  await host.runtime.call.cleanup(spec.taskId);
  return said;
}

for (const tier of tiers) {
  for (const name of kernels)
    it(`probe ${tier}: an image with a link in place of /${name} is refused, and nothing is made where it leads`, async (context) => {
      skipWithout(tier, context);
      const image = linked.get(name) ?? '';
      expect(await refusal(task(tier, image, ['true']))).toContain(`in place of /${name}`);
      expect(await host.runtime.sh(`ls -A ${outside}`)).toBe('');
    });

  it(`probe ${tier}: a link where a volume is to be mounted leads nowhere but into the image`, async (context) => {
    skipWithout(tier, context);
    for (const path of ['/to-proc', '/to-root']) expect(await refusal(sh(tier, 'true', tmpfs(path)))).toContain(`leads ${path} to`);
    if (tier === 'container') expect(await refusal(sh(tier, 'true', tmpfs('/to-nothing')))).toContain('a link of its image leads');
    const { stdout } = await runToEnd(host.runtime, sh(tier, 'echo x >/out/written && cat /out/written', tmpfs('/out')));
    expect(stdout).toBe('x\n');
    expect(await host.runtime.sh(`ls -A ${outside}`)).toBe('');
  });

  it(`probe ${tier}: links in place of /etc/passwd and /etc/hosts show nothing of the host`, async (context) => {
    skipWithout(tier, context);
    const before = await host.runtime.sh('sha256sum /etc/shadow /etc/hosts');
    const spec = sh(tier, 'cat /etc/passwd; sleep 1000', { user: '0' });
    await startTask(host.runtime, spec);
    // Who follows the link from outside of the container is led to the host's own file (control).
    const rootfs = `/run/${host.runtime.instance}/tasks/${spec.taskId}/containers/main/rootfs`;
    expect(await host.runtime.sh(`cat ${rootfs}/etc/passwd`)).toBe(await host.runtime.sh('cat /etc/shadow'));
    await expect.poll(async () => (await host.runtime.call.logs(spec.taskId, {})).map(({ text }) => text)).not.toEqual([]);
    expect(JSON.stringify(await host.runtime.call.logs(spec.taskId, {}))).not.toMatch(/root:[*!$]/);
    await host.runtime.call.cleanup(spec.taskId);
    expect(await host.runtime.sh('sha256sum /etc/shadow /etc/hosts')).toBe(before);
  });

  it(`probe ${tier}: a working directory that is an open descriptor is refused (CVE-2024-21626)`, async (context) => {
    skipWithout(tier, context);
    for (const directory of ['/proc/self/fd/7', '/proc/self/fd/8/../..', '/dev/fd/7', ...[0, 3, 5, 7, 8, 9].map((fd) => `/work${fd}`)])
      expect(await refusal(sh(tier, 'pwd', { workingDirectory: directory })), directory).toMatch(/working directory/);
    // A link to an ordinary directory is no reason (control).
    expect((await runToEnd(host.runtime, sh(tier, 'pwd -P', { workingDirectory: '/work-plain' }))).stdout).toBe('/tmp\n');
  });

  it(`probe ${tier}: device nodes of an image can't be opened`, async (context) => {
    skipWithout(tier, context);
    const { stdout } = await runToEnd(
      host.runtime,
      sh(tier, 'for d in /disk /kmsg; do head -c 1 $d >/dev/null 2>&1 && echo $d; done; echo done'),
    );
    expect(stdout).toBe('done\n');
    // The control: the same node, by root of the host in the image's own layer.
    const node = (
      await host.runtime.sh(`find ${host.runtime.dataDirectory}/images/overlay -name kmsg -path '*/diff/kmsg' | head -1`)
    ).trim();
    expect(await host.runtime.sh(`dd if=${node} bs=4096 count=1 2>/dev/null | wc -c`)).not.toBe('0\n');
  });

  it(`probe ${tier}: a program that is /proc/self/exe leaves the runtime's programs as they are (CVE-2019-5736)`, async (context) => {
    skipWithout(tier, context);
    const programs = Object.values(runtimeDefaults.programs).join(' ');
    const sums = () => host.runtime.sh(`for p in ${programs}; do [ ! -e $p ] || sha256sum $p; done`);
    const before = await sums();
    const overwrite = `
for my $path (map({ "/proc/$_/exe" } 1 .. 40, 'self'), '/dev/init', '/dev/busybox') {
  next if (readlink($path) // '') eq '/bin/perl';
  for my $mode (1, 2) { sysopen(my $f, $path, $mode) and print "$path opened for writing\\n" }
}
print "tried all\\n"`;
    const { stdout } = await runToEnd(host.runtime, task(tier, traps, ['perl', '-e', overwrite]));
    expect(stdout).toBe('tried all\n');
    for (const command of [['/proc/self/exe', '--version'], ['itself']])
      for (const init of [true, false]) await runToEnd(host.runtime, task(tier, traps, command, { init })).catch(() => {});
    expect(await sums()).toBe(before);
  });
}

/** Without it crun is no program in there. */
const linkerOfCrun = `linker=$(ldd ${runtimeDefaults.programs.crun} | grep -o '/[^ ]*ld-linux[^ ]*'); mkdir -p $m$(dirname $linker); cp -L $linker $m$linker`;

it('probe container: what a container gets in hand of crun can’t be written to, even by the host’s root (CVE-2019-5736)', async () => {
  const { instance, sh } = host.runtime;
  const image = await host.push('itself', { script: `${makeItself('$m')}; mkfifo $m/etc/ld.so.preload; ${linkerOfCrun}` });
  // crun itself refuses /proc/self/exe by its name, but not a script that has it for its interpreter.
  const spec = task('container', image, ['/bin/itself'], { init: false });
  await startTask(host.runtime, spec);
  const pid = (await sh(`cat /run/${instance}/tasks/${spec.taskId}/containers/main/pid`)).trim();
  expect(await sh(`perl -e '${overwriteProcess.replaceAll("'", '"')}' ${pid}`)).toBe(
    'held /memfd:berth-program (deleted)\n/memfd:berth-program (deleted): Operation not permitted\n',
  );
  await host.runtime.call.cleanup(spec.taskId);
});

it('probe container: a crun that is known to let tasks out is named, and the agent does not start', async () => {
  const crun = join(outside, 'crun');
  await host.runtime.sh(`printf '#!/bin/sh\\necho crun version 0.10.0\\n' >${crun} && chmod 755 ${crun}`);
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const options = { instance: 'tbadcrun', dataDirectory: join(outside, 'data'), programs: { ...runtimeDefaults.programs, crun } };
  const started = run(process.execPath, ['--import', 'tsx', 'test/support/runtime-driver.ts', JSON.stringify(options)], { cwd: root });
  started.child.stdin?.end();
  await expect(started).rejects.toMatchObject({ stderr: expect.stringMatching(/crun 0\.10\.0 has CVE-2019-18837.*Install a newer crun/) });
});
