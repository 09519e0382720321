// Rows 25 and 26: more output than anybody keeps, and a reader who stops reading.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { runtimeDefaults } from '../../agent/src/runtime/options.js';
import { type BusyboxHost, busyboxHost, shellTask } from '../support/agent-host.js';

let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost();
  image = host.image;
});

afterAll(() => host?.destroy());

const mib = 1024 * 1024;
const gap = /^\[berth: (\d+) bytes of output were dropped here: the log is capped\]$/;
const logBytes = async (taskId: string) => Number((await host.sh(`du -sb ${host.dataDirectory}/logs/${taskId} | cut -f1`)).trim());
const residentMiB = async () => Number((await host.sh(`awk '/VmRSS/ { print $2 }' /proc/${host.pid}/status`)).trim()) / 1024;

let streams = 0;
function logStream(taskId: string, more: object = {}) {
  const streamId = `stream-of-the-fault-tests-${streams++}`;
  const opened = host.gateway.stream(streamId);
  const request = { kind: 'logs', taskId, container: null, tail: 10, since: null, follow: false, ...more };
  host.link.send({ type: 'open-stream', streamId, request } as never);
  return opened;
}

it('row 25: a flood of 200 MB and a line of 50 MB are bounded on disk and in the agent, the log says so, and the task goes on', async () => {
  const task = shellTask(
    image,
    'head -c 50000000 /dev/zero | tr "\\0" x; echo; echo after the line; yes "a line of the flood, of about as much text as lines have" | head -c 200000000; echo; echo done',
  );
  host.run(task);
  let largest = 0;
  let resident = 0;
  const ended = host.reported(task, ({ state }) => state === 'stopped');
  for (let over = false; !over; ) {
    over = await Promise.race([ended.then(() => true), sleep(200).then(() => false)]);
    largest = Math.max(largest, await logBytes(task.taskId));
    resident = Math.max(resident, await residentMiB());
  }
  expect(await ended).toMatchObject({ containers: [{ exitCode: 0 }] });
  expect(largest).toBeLessThan(runtimeDefaults.logs.maxContainerBytes * 1.05);
  expect(resident).toBeLessThan(400);
  const stream = await logStream(task.taskId, { fromStart: true });
  expect(await stream.ended).toBe(1000);
  expect(Number(gap.exec(stream.lines[0]?.text ?? '')?.[1])).toBeGreaterThan(100 * mib);
  expect(stream.lines.at(-1)?.text).toBe('done');
  expect(stream.lines.every(({ text }) => text.length <= 64 * 1024)).toBe(true);
});

it('row 25: a long line alone is cut, which its end says, and what comes after it is whole', async () => {
  const task = shellTask(image, 'echo before; head -c 50000000 /dev/zero | tr "\\0" x; echo; echo after');
  host.run(task);
  await host.reported(task, ({ state }) => state === 'stopped');
  const stream = await logStream(task.taskId, { fromStart: true });
  await stream.ended;
  const texts = stream.lines.map(({ text }) => text);
  expect(texts[0]).toBe('before');
  expect(texts.at(-1)).toBe('after');
  expect(texts.at(-2)).toMatch(/ \[berth: the line was longer than 1048576 bytes; \d+ more were left out\]$/);
  expect(texts.join('').length).toBeLessThan(1.1 * mib);
});

it('row 26: a reader that stops reading holds a bounded buffer, never the task, and finds a gap where it goes on', async () => {
  const task = shellTask(
    image,
    'echo first; sleep 2; yes "a line of the flood, of about as much text as lines have" | head -c 200000000; echo; echo done',
  );
  host.run(task);
  await host.reported(task, ({ state }) => state === 'running');
  const reader = await logStream(task.taskId, { fromStart: true, follow: true });
  await expect.poll(() => reader.lines.length, { timeout: 20_000 }).toBeGreaterThan(0);
  reader.socket.pause();
  expect(reader.socket.readyState).toBe(WebSocket.OPEN);
  const before = await residentMiB();
  await host.reported(task, ({ state }) => state === 'stopped');
  expect((await residentMiB()) - before).toBeLessThan(150);
  reader.socket.resume();
  expect(await reader.ended).toBe(1000);
  const texts = reader.lines.map(({ text }) => text);
  expect(texts[0]).toBe('first');
  expect(texts.some((text) => gap.test(text))).toBe(true);
  expect(texts.at(-1)).toBe('done');
});
