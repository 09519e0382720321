// Logs of real containers: while they run, after their end, through rotations, and under a flood.

import type { LogLine } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, exitOf, runToEnd, startTask, taskSpec, until } from '../support/runtime-task.js';

let registry: TestRegistry;
let host: RuntimeHost;
let image: string;
const maxContainerBytes = 1024 * 1024;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  host = await runtimeHost({
    insecureRegistries: [registry.address],
    logs: { maxContainerBytes, files: 4, retentionMs: 3_600_000, maxTotalBytes: 1024 ** 3 },
  });
  await host.call.start([]);
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

/** Lines as they were written: the keeper breaks one wherever what it has read ends. */
function wholeLines(lines: readonly LogLine[]): string[] {
  return lines
    .map(({ text, partial }) => `${text}${partial ? '' : '\n'}`)
    .join('')
    .trimEnd()
    .split('\n');
}

const sh = (script: string, more = {}) => taskSpec([containerSpec(image, ['sh', '-c', script], more)]);

describe('logs', () => {
  it('tell the streams apart and outlive the task', async () => {
    const task = sh('echo out; sleep 0.2; echo err >&2; sleep 0.2; printf unfinished');
    const { stdout, stderr } = await runToEnd(host, task);
    expect([stdout, stderr]).toEqual(['out\nunfinished', 'err\n']);
    const after = await host.call.logs(task.taskId, { tail: 1 });
    expect(after).toMatchObject([{ container: 'main', stream: 'stdout', text: 'unfinished', partial: true }]);
  });

  it('are followed to the end of the task, by name of the container or all together', async () => {
    const containers = ['a', 'b'].map((name) =>
      containerSpec(image, ['sh', '-c', `for i in 1 2 3; do echo ${name}$i; sleep 0.3; done`], { name }),
    );
    const task = taskSpec(containers);
    await startTask(host, task);
    const [all, one] = [
      host.call.logs(task.taskId, { follow: true }),
      host.call.logs(task.taskId, { follow: true, container: 'b', tail: 0 }),
    ];
    for (const { name } of containers) await exitOf(host, task.taskId, name);
    await host.call.cleanup(task.taskId);
    expect((await all).map((line) => line.text).sort()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3']);
    expect((await one).every((line) => line.container === 'b')).toBe(true);
    expect((await one).at(-1)?.text).toBe('b3');
  });

  it('go on in new files when they grow, and no line is lost to a follower or a reader', async () => {
    // About 650 KB in ten bursts: three files.
    const task = sh(
      'x=$(head -c 150 /dev/zero | tr "\\0" x); i=0; while [ $i -lt 3000 ]; do echo "line $i $x"; i=$((i+1)); [ $((i%300)) = 0 ] && sleep 0.7; done; echo last',
    );
    await startTask(host, task);
    const following = host.call.logs(task.taskId, { follow: true, tail: 10_000 });
    await exitOf(host, task.taskId);
    const files = await host.sh(`ls ${host.dataDirectory}/logs/${task.taskId}`);
    await host.call.cleanup(task.taskId);
    expect(files.trim().split('\n').length).toBeGreaterThan(1);
    const numbers = (lines: LogLine[]) =>
      wholeLines(lines)
        .map((line) => /^line (\d+)/.exec(line)?.[1])
        .filter((found) => found !== undefined)
        .map(Number);
    const whole = Array.from({ length: 3000 }, (_, index) => index);
    expect(numbers(await following)).toEqual(whole);
    expect(numbers(await host.call.logs(task.taskId, { tail: 10_000 }))).toEqual(whole);
  });

  it('stay bounded under a flood and an endless line, and the task goes on', async () => {
    const task = sh('head -c 50000000 /dev/zero | tr "\\0" x; yes | head -c 3000000; echo done');
    await startTask(host, task);
    let largest = 0;
    await until(async () => {
      largest = Math.max(largest, Number((await host.sh(`du -sb ${host.dataDirectory}/logs/${task.taskId} | cut -f1`)).trim()));
      return (await host.call.observe(task.taskId, 'main')).is === 'exited';
    });
    expect((await exitOf(host, task.taskId)).exitCode).toBe(0);
    // One more file at most is there while the oldest is being removed.
    expect(largest).toBeLessThan(maxContainerBytes * 1.3);
    const lines = await host.call.logs(task.taskId, { tail: 5 });
    expect(lines.at(-1)?.text).toBe('done');
    expect(lines.every((line) => line.text.length <= 64 * 1024)).toBe(true);
    const whole = await host.call.logs(task.taskId, { tail: null });
    expect(whole[0]?.text).toMatch(/^\[berth: \d+ bytes of output were dropped here: the log is capped\]$/);
    expect(whole.at(-1)?.text).toBe('done');
    await host.call.cleanup(task.taskId);
  });
});

describe('reading a part of a log', () => {
  it('goes by time, stream and text, and on from any line', async () => {
    const task = sh('echo one; sleep 0.3; echo two >&2; sleep 0.3; echo three; echo four two');
    await runToEnd(host, task);
    const texts = async (request: object) => (await host.call.logs(task.taskId, request)).map(({ text }) => text);
    const all = await host.call.logs(task.taskId, {});
    expect(all.map(({ text }) => text)).toEqual(['one', 'two', 'three', 'four two']);
    expect(await texts({ stream: 'stderr' })).toEqual(['two']);
    expect(await texts({ grep: 'two' })).toEqual(['two', 'four two']);
    expect(await texts({ grep: 'two', tail: 1 })).toEqual(['four two']);
    expect(await texts({ until: all[1]?.at })).toEqual(['one', 'two']);
    expect(await texts({ since: all[1]?.at, tail: null })).toEqual(['two', 'three', 'four two']);
    expect(await texts({ from: { main: (all[1] as { end?: number }).end ?? -1 } })).toEqual(['three', 'four two']);
  });
});

describe('logs for the store', () => {
  it('are those of tasks that have ended, once, and stay noted over a restart of the agent', async () => {
    const [ended, live] = [sh('echo kept'), sh('echo live; sleep 600')];
    await startTask(host, live);
    await runToEnd(host, ended);
    expect(await host.call.logsToStore()).toContain(ended.taskId);
    expect(await host.call.logsToStore()).not.toContain(live.taskId);
    expect(await host.call.storedText(ended.taskId)).toMatch(/^\d{4}-\S+Z stdout F kept\n$/);
    await host.restart();
    await host.call.start([live.taskId]);
    expect(await host.call.logsToStore()).not.toContain(ended.taskId);
    expect((await host.call.logs(ended.taskId, {})).map(({ text }) => text)).toEqual(['kept']);
    await host.call.cleanup(live.taskId);
    expect(await host.call.logsToStore()).toContain(live.taskId);
  });
});

describe('logs under the usual limits', () => {
  it('hold 20 MB printed at once, every byte in its order, for a follower from the start', async () => {
    const usual = await runtimeHost({ insecureRegistries: [registry.address] });
    try {
      await usual.call.start([]);
      const lines = 260_000;
      const task = sh(`awk 'BEGIN { for (i = 0; i < ${lines}; i++) printf "%07d ${'x'.repeat(70)}\\n", i }'`);
      await startTask(usual, task);
      await exitOf(usual, task.taskId);
      const following = usual.call.logs(task.taskId, { follow: true, tail: null });
      await usual.call.cleanup(task.taskId);
      const texts = wholeLines(await following);
      expect(texts).toHaveLength(lines);
      expect(texts.every((text, index) => Number(text.slice(0, 7)) === index && text.length === 78)).toBe(true);
    } finally {
      await usual.destroy();
    }
  });
});
