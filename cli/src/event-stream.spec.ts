import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseEvents, type ServerEvent } from './event-stream.js';

async function parse(...chunks: (string | Uint8Array)[]): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  const bytes = (async function* () {
    for (const chunk of chunks) yield typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
  })();
  for await (const event of parseEvents(bytes)) events.push(event);
  return events;
}

test('events with names, ids and several lines of data', async () => {
  expect(await parse('event: line\nid: 7\ndata: a\ndata: b\n\ndata:c\n\n')).toEqual([
    { event: 'line', data: 'a\nb', id: '7' },
    { event: 'message', data: 'c', id: null },
  ]);
});

test('comments and events without data are nothing; an unfinished event is dropped', async () => {
  expect(await parse(': keep-alive\n\nevent: x\n\ndata: cut')).toEqual([]);
});

test('any way of cutting the bytes gives the same events', async () => {
  const text = 'event: line\r\ndata: grüße 世界 🚢\r\n\r\ndata: 2\r\rdata: 3\n\n';
  const whole = await parse(text);
  expect(whole.map((event) => event.data)).toEqual(['grüße 世界 🚢', '2', '3']);
  const bytes = new TextEncoder().encode(text);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      expect(await parse(...at.slice(1).map((end, index) => bytes.slice(at[index], end)))).toEqual(whole);
    }),
  );
});

test('a line without end does not fill the memory', async () => {
  const endless = Array.from({ length: 9 }, () => 'x'.repeat(1024 * 1024));
  await expect(parse(...endless)).rejects.toThrow('larger than 8 MiB');
});
