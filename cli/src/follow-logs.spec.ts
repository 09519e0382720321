import type { LogLine } from '@berth/contract';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ServerEvent } from './event-stream.js';
import { type FollowPorts, followLogs } from './follow-logs.js';

const line = (atMs: number, text: string): LogLine => ({
  at: new Date(atMs).toISOString(),
  container: 'main',
  stream: 'stdout',
  text,
  partial: false,
});

/** A server with this log, whose connections break after so many lines each. */
function server(log: readonly LogLine[], breaks: readonly number[], over: Partial<FollowPorts> = {}) {
  const asked: (string | undefined)[] = [];
  const ports: FollowPorts = {
    async open({ cursor }) {
      const lines = breaks[asked.length] ?? log.length;
      asked.push(cursor);
      const from = Number(cursor ?? 0);
      return events(log.slice(from, from + lines), from, from + lines >= log.length);
    },
    hasEnded: async () => false,
    passes: () => true,
    wait: async () => {},
    onBreak: () => {},
    ...over,
  };
  return { ports, asked };
}

async function* events(lines: readonly LogLine[], from: number, whole: boolean): AsyncGenerator<ServerEvent> {
  for (const [index, one] of lines.entries()) yield { event: 'message', data: JSON.stringify(one), id: String(from + index + 1) };
  if (!whole) throw new Error('connection reset');
  yield { event: 'end', data: '{}', id: null };
}

async function collect(ports: FollowPorts, since?: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const one of followLogs(ports, { tail: 1000, since, cursor: undefined })) texts.push(one.text);
  return texts;
}

describe('followLogs', () => {
  test('gives each line once, wherever connections break', async () => {
    const gap = fc.constantFrom(0, 0, 1, 500);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(gap, fc.constantFrom('a', 'b')), { maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 15 }), { maxLength: 6 }),
        async (steps, breaks) => {
          let at = 1_700_000_000_000;
          const log = steps.map(([ms, text]) => {
            at += ms;
            return line(at, text);
          });
          expect(await collect(server(log, breaks).ports)).toEqual(log.map((one) => one.text));
        },
      ),
    );
  });

  test('asks for what it needs only', async () => {
    const { ports, asked } = server([line(10_000, 'a'), line(20_000, 'b')], [1]);
    expect(await collect(ports)).toEqual(['a', 'b']);
    expect(asked).toEqual([undefined, '1']);
  });

  test('after a break asks for all that comes after the last line, and before the first line for what was asked at first', async () => {
    const tails: (number | undefined)[] = [];
    const { ports } = server([line(10_000, 'a'), line(20_000, 'b')], [0, 1]);
    const open: FollowPorts['open'] = (query) => {
      tails.push(query.tail);
      return ports.open(query);
    };
    expect(await collect({ ...ports, open })).toEqual(['a', 'b']);
    expect(tails).toEqual([1000, 1000, undefined]);
  });

  test('a stream that closes without saying so ends when the task has ended', async () => {
    let opened = 0;
    const { ports } = server([], [], {
      open: async () => {
        opened += 1;
        return (async function* () {})();
      },
      hasEnded: async () => opened >= 2,
    });
    expect(await collect(ports)).toEqual([]);
    expect(opened).toBe(3);
  });

  test('a failure that does not pass is thrown at once', async () => {
    const { ports, asked } = server([line(1, 'a')], [0], { passes: () => false });
    await expect(collect(ports)).rejects.toThrow('connection reset');
    expect(asked).toHaveLength(1);
  });

  test('it gives up in the end, and soon when the task has ended', async () => {
    for (const [ended, most] of [
      [false, 31],
      [true, 5],
    ] as const) {
      let tries = 0;
      const ports = server([], [], {
        open: async () => {
          tries += 1;
          throw new Error('away');
        },
        hasEnded: async () => ended,
      }).ports;
      await expect(collect(ports)).rejects.toThrow('away');
      expect(tries).toBe(most);
    }
  });
});
