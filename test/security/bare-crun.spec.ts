// The controls of attacks on crun: the same attacks with nothing of Berth's around it. Where this crun itself refuses one,
// its answer is shown and the row skipped, because then nothing here proves that Berth's own defence is needed.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, type TestContext } from 'vitest';
import { readonlyPaths } from '../../agent/src/runtime/bundle.js';
import { bareBundle } from '../support/bare-bundle.js';
import { itself, makeItself, overwriteWhoComes } from '../support/overwrite-attack.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';

let host: RuntimeHost;
let outside: string;
let directory: string;
let count = 0;
/** A directory of the host that no container was given. */
let treasure: string;

beforeAll(async () => {
  // For its mount namespace, in which crun runs on this machine's control groups.
  host = await runtimeHost();
  outside = await mkdtemp(join(tmpdir(), 'berth-test-bare-'));
});
beforeEach(async () => {
  count += 1;
  directory = join(outside, String(count));
  treasure = join(outside, `treasure-${count}`);
  await host.sh(`mkdir ${treasure} && echo of the host >${treasure}/secret`);
});
afterAll(async () => {
  await host?.destroy();
  await rm(outside, { recursive: true, force: true });
});

/** @param before sh, in the shell that becomes crun. @param options of `crun run`. @returns what crun and the container say. */
const crunRun = (before = ':', options = '') =>
  host.sh(
    `${before}; crun --root ${outside}/state run ${options} --bundle ${directory} berth-test-bare-${process.pid}-${count} 2>&1 || true`,
  );

function skipMended(context: TestContext, said: string): void {
  context.skip(`mended in this crun, which says: ${said.trim()}`);
}

for (const name of ['dev', 'proc', 'sys'])
  it(`probe container: crun by itself makes files where a link in place of /${name} leads (control)`, async (context) => {
    const link = `rmdir ${name} && ln -s ../../../../../../../..${treasure} ${name}`;
    // With a mount on /dev this crun refuses; Berth has one there in any case, and looks at the image besides.
    await bareBundle(directory, { args: ['/bin/busybox', 'true'] }, name === 'sys' ? ['/proc', '/sys'] : ['/proc'], link);
    const said = await crunRun();
    const made = (await readdir(treasure)).filter((file) => file !== 'secret');
    if (made.length === 0) skipMended(context, said);
    expect(made).toContain('zero');
  });

it('probe container: crun by itself mounts a volume where a link in its place leads (control)', async (context) => {
  await bareBundle(directory, { args: ['/bin/busybox', 'true'] }, ['/proc', '/data/new'], `ln -s ../../../../../../../..${treasure} data`);
  const said = await crunRun();
  const made = (await readdir(treasure)).filter((file) => file !== 'secret');
  if (made.length === 0) skipMended(context, said);
  expect(made).toEqual(['new']);
});

for (const [how, cwd] of [
  ['by its path', '/proc/self/fd/9'],
  ['by a link of the image', '/work'],
] as const)
  it(`probe container: crun by itself begins in an open descriptor of the host, ${how} (CVE-2024-21626, control)`, async (context) => {
    const process = { args: ['/bin/sh', '-c', 'cat secret'], cwd };
    await bareBundle(directory, process, ['/proc', '/dev'], 'ln -s /proc/self/fd/9 work');
    const said = await crunRun(`exec 9<${treasure}`);
    if (said !== 'of the host\n') skipMended(context, said);
    expect(said).toBe('of the host\n');
  });

it('probe container: a descriptor that is left open for crun is open in the container, and seen there (control)', async () => {
  const script = 'ls /proc/1/fd | tr "\\n" " "; cat <&3';
  await bareBundle(directory, { args: ['/bin/sh', '-c', script] }, ['/proc', '/dev'], 'ln -s busybox bin/tr');
  expect(await crunRun(`exec 3<${treasure}/secret`, '--preserve-fds 1')).toMatch(/^0 1 2 3 (10 )?of the host\n$/);
  // As Berth starts it, with none to keep, it is not there.
  await host.sh(`rm -r ${directory}`);
  await bareBundle(directory, { args: ['/bin/sh', '-c', script] }, ['/proc', '/dev'], 'ln -s busybox bin/tr');
  expect(await crunRun(`exec 3<${treasure}/secret`)).not.toContain('of the host');
});

it('probe container: root of the host writes the kernel’s files, and what makes them read-only is readonlyPaths (control)', async () => {
  // They get what they hold already: nothing changes on this machine.
  const steering = ['core_pattern', 'panic'].map((name) => `/proc/sys/kernel/${name}`).concat('/proc/sys/vm/overcommit_memory');
  const same = steering.map((file) => `v=$(cat ${file}) && (echo "$v" >${file}) 2>/dev/null && echo ${file}`);
  const script = [...same, 'echo done'].join('\n');
  const writtenWith = async (readOnly: readonly string[]) => {
    await host.sh(`rm -rf ${directory}`);
    await bareBundle(directory, { args: ['/bin/sh', '-c', script] }, ['/proc', '/dev'], '', readOnly);
    return (await crunRun()).trim().split('\n');
  };
  expect(await writtenWith(readonlyPaths)).toEqual(['done']);
  expect(await writtenWith([])).toEqual([...steering, 'done']);
});

/** A container that lies in wait for a program of the host. @returns what it has said when `enter` is over. */
async function overwrittenBy(program: string, enter: (container: string) => string): Promise<string> {
  const capabilities = ['CAP_DAC_OVERRIDE', 'CAP_SYS_PTRACE', 'CAP_KILL'];
  await bareBundle(directory, { args: ['/bin/perl', '-e', overwriteWhoComes], capabilities }, ['/proc', '/dev'], makeItself('.'));
  const id = `berth-test-bare-${process.pid}-${count}`;
  await host.sh(`cp $(command -v ${program}) ${outside}/${program}`);
  const crun = `crun --root ${outside}/state`;
  await host.sh(`${crun} run --detach --bundle ${directory} ${id} </dev/null >${directory}/said 2>&1`);
  const said = () => readFile(join(directory, 'said'), 'utf8');
  try {
    await expect.poll(said).toMatch(/^watching$/m);
    // It ends when it is killed there.
    await host.sh(`${enter(id)} || true`);
    await expect.poll(said, { timeout: 30_000 }).toMatch(/^(wrote .*|\S+: .*)$/m);
    return await said();
  } finally {
    await host.sh(`${crun} delete --force ${id}`);
  }
}

it('probe container: crun by itself is overwritten by a container (CVE-2019-5736, control)', async (context) => {
  const [[...first] = []] = itself;
  const said = await overwrittenBy('crun', (id) => `${outside}/crun --root ${outside}/state exec ${id} ${first.join(' ')} 2>/dev/null`);
  const isOverwritten = (await host.sh(`cmp -s ${outside}/crun $(command -v crun) && echo same || echo other`)) === 'other\n';
  if (!isOverwritten) skipMended(context, said.trim().split('\n').at(-1) ?? '');
  expect(said).toContain('wrote');
});

it('probe container: a program of the host that does nothing about it is overwritten by the same attack (control)', async () => {
  const enter = (id: string) => {
    const pid = `$(crun --root ${outside}/state state ${id} | sed -n 's/.*"pid": \\([0-9]*\\).*/\\1/p')`;
    return `${outside}/nsenter -t ${pid} -m -p -r /proc/self/exe 2>/dev/null`;
  };
  expect(await overwrittenBy('nsenter', enter)).toContain(`wrote ${outside}/nsenter`);
  expect((await readFile(join(outside, 'nsenter'))).subarray(0, 12).toString()).toBe('overwritten\n');
});
