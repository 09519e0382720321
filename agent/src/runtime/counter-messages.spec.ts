import { describe, expect, it } from 'vitest';
import { counterRequest, countersIn } from './counter-messages.js';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

describe('counterRequest', () => {
  it('asks for one counter of a table by its name', () => {
    expect(counterRequest('berth', 'sent_a').toString('hex')).toBe(
      [
        ...['34000000', '130a', '0100', '00000000', '00000000', '02000000'],
        ...['0a000100', '626572746800', '0000', '0b000200', '73656e745f6100', '00', '08000300', '00000001'],
      ].join(''),
    );
  });

  it('asks for all of them', () => {
    const request = counterRequest('berth', null);
    expect(request.readUInt16LE(6)).toBe(0x301);
    expect(request.readUInt32LE(0)).toBe(request.length);
  });
});

describe('countersIn', () => {
  // As Linux answers, but for use and handle, which follow.
  const counter = hex(`50000000 120a 0000 00000000 00000000 02000000
    0a000100 626572746800 0000 0b000200 73656e745f6100 00 08000300 00000001
    1c000480 0c000100 0000000000000142 0c000200 0000000000000006`);

  it('reads names and bytes', () => {
    expect(countersIn(counter)).toEqual({ counters: [{ name: 'sent_a', bytes: 0x142 }], done: false, errno: 0 });
  });

  it('reads several in one, until the end', () => {
    const done = hex('14000000 0300 0200 00000000 00000000 00000000');
    const { counters, done: isDone } = countersIn(Buffer.concat([counter, counter, done, counter]));
    expect(counters).toHaveLength(2);
    expect(isDone).toBe(true);
  });

  it('tells the error’s number', () => {
    const error = hex('24000000 0200 0000 00000000 00000000 feffffff 34000000 130a0100 00000000 00000000');
    expect(countersIn(error)).toEqual({ counters: [], done: true, errno: 2 });
  });

  it('ends at lengths that can’t be', () => {
    expect(countersIn(hex('00000000 120a 0000 00000000 00000000')).counters).toEqual([{ name: '', bytes: 0 }]);
    expect(countersIn(Buffer.alloc(3)).counters).toEqual([]);
  });
});
