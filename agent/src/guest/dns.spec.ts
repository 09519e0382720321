import { randomUUID } from 'node:crypto';
import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bareRefusal, failure, ownAnswer, udpLimit } from './dns-answer.js';
import { answers, type Question, readQuestion } from './dns-question.js';
import { isMeant, isOurs, type NamedTask, parseName } from './names.js';
import { parseResolver, resolversOf } from './resolvers.js';

const opt = (udpPayloadSize: number) => ({ type: 'OPT', name: '.', udpPayloadSize, flags: 0, options: [] }) as never;
const ask = (name: string, type: 'A' | 'AAAA' = 'A', edns?: number) =>
  encode({ type: 'query', id: 77, flags: 256, questions: [{ name, type }], additionals: edns === undefined ? [] : [opt(edns)] });

function question(packet: Buffer): Question {
  const asked = readQuestion(packet);
  if (asked.kind !== 'question') throw new Error(`${asked.kind}`);
  return asked.question;
}

describe('a question', () => {
  it('is read with its size', () => {
    expect(question(ask('Web.task.berth.internal'))).toMatchObject({ id: 77, name: 'Web.task.berth.internal', type: 'A', ednsBytes: null });
    expect(question(ask('example.com', 'AAAA', 4096))).toMatchObject({ type: 'AAAA', ednsBytes: 4096, recursionDesired: true });
  });

  it('is refused when there is none, or more, or an answer beside it', () => {
    const with2 = Buffer.from(ask('a.b'));
    with2.writeUInt16BE(2, 4);
    const withAnswer = Buffer.from(ask('a.b'));
    withAnswer.writeUInt16BE(1, 6);
    const update = Buffer.from(ask('a.b'));
    update.writeUInt16BE(5 << 11, 2);
    expect([with2, withAnswer, update].map(readQuestion)).toMatchObject([
      { kind: 'refused', rcode: 'FORMERR' },
      { kind: 'refused', rcode: 'FORMERR' },
      { kind: 'refused', rcode: 'NOTIMP' },
    ]);
  });

  it('that is an answer, a stub or a flood is ignored', () => {
    const response = encode({ type: 'response', id: 1, questions: [{ name: 'a.b', type: 'A' }] });
    expect([response, Buffer.alloc(11), Buffer.alloc(5000)].map(readQuestion)).toEqual(Array(3).fill({ kind: 'ignored' }));
  });

  it('of a name that points at itself is refused', () => {
    const loop = Buffer.concat([ask('a').subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]);
    expect(readQuestion(loop)).toMatchObject({ kind: 'refused', rcode: 'FORMERR' });
  });

  it('of any bytes never throws, and what can be read can be answered', () => {
    const real = ask('web.task.berth.internal', 'A', 1232);
    const damaged = fc
      .array(fc.tuple(fc.nat(real.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 })
      .map((changes) => changes.reduce((packet, [at, byte]) => Buffer.from(packet.fill(byte, at, at + 1)), Buffer.from(real)));
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
      damaged,
    );
    fc.assert(
      fc.property(anything, (packet) => {
        const asked = readQuestion(packet);
        if (asked.kind === 'ignored') return;
        if (asked.kind === 'refused') return void expect(bareRefusal(asked.id, asked.rcode).readUInt16BE(0)).toBe(asked.id);
        const made = [ownAnswer(asked.question, { rcode: 'NXDOMAIN' }, 512), failure(asked.question, 'SERVFAIL')];
        for (const answer of made) {
          expect(answers(answer, packet)).toBe(true);
          expect(answer.subarray(12, 12 + asked.question.section.length)).toEqual(asked.question.section);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('an answer', () => {
  const addresses = Array.from({ length: 60 }, (_, index) => `10.0.0.${index}`);

  it('has an address record for each', () => {
    const decoded = decode(
      ownAnswer(question(ask('web.task.berth.internal')), { rcode: 'NOERROR', addresses: ['10.0.0.2', '10.0.0.3'] }, 512),
    );
    expect(decoded).toMatchObject({ id: 77, rcode: 'NOERROR', flag_aa: true, flag_ra: true, flag_tc: false });
    expect(decoded.answers).toMatchObject([{ data: '10.0.0.2' }, { data: '10.0.0.3' }]);
  });

  it('to a question for IPv6 is empty, and says how long that holds', () => {
    const decoded = decode(ownAnswer(question(ask('web.task.berth.internal', 'AAAA')), { rcode: 'NOERROR', addresses }, 512));
    expect(decoded).toMatchObject({ rcode: 'NOERROR', answers: [], authorities: [{ type: 'SOA', name: 'berth.internal' }] });
  });

  it('that is too large is cut, and whole where there is room', () => {
    const asked = question(ask('web.family.berth.internal', 'A', 4096));
    const small = ownAnswer(asked, { rcode: 'NOERROR', addresses }, udpLimit(asked));
    expect(small.length).toBeLessThanOrEqual(1232);
    expect(decode(small)).toMatchObject({ flag_tc: true, answers: [] });
    expect(decode(ownAnswer(asked, { rcode: 'NOERROR', addresses }, 65_535)).answers).toHaveLength(60);
  });

  it('belongs to its question only', () => {
    const answer = ownAnswer(question(ask('a.task.berth.internal')), { rcode: 'NXDOMAIN' }, 512);
    expect(answers(answer, ask('A.task.berth.internal'))).toBe(true);
    expect([ask('b.task.berth.internal'), ask('a.task.berth.internal', 'AAAA')].map((other) => answers(answer, other))).toEqual([
      false,
      false,
    ]);
    expect(answers(ask('a.task.berth.internal'), ask('a.task.berth.internal'))).toBe(false);
  });

  it.each([
    [null, 512],
    [100, 512],
    [900, 900],
    [65_535, 1232],
  ])('over UDP with EDNS %s has room for %s bytes', (ednsBytes, bytes) => expect(udpLimit({ ednsBytes })).toBe(bytes));
});

describe('names', () => {
  const task = (changes: Partial<NamedTask> = {}): NamedTask => ({
    taskId: randomUUID(),
    name: 'web',
    family: 'Shop',
    address: '10.0.0.2',
    running: true,
    ...changes,
  });

  it.each([
    ['berth.internal', 'empty'],
    ['task.berth.internal', 'empty'],
    ['family.berth.internal', 'empty'],
    ['web.task.berth.internal', 'task'],
    ['web.family.berth.internal', 'family'],
    ['web.berth.internal', 'none'],
    ['a.web.task.berth.internal', 'none'],
    ['.task.berth.internal', 'none'],
  ])('%s is %s', (name, kind) => expect(parseName(name).kind).toBe(kind));

  it('are ours below the zone only', () => {
    expect(['berth.internal', 'x.berth.internal', 'notberth.internal', 'berth.internal.example.com', ''].map(isOurs)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('mean a task by its name, its id and the beginning of that', () => {
    const one = task();
    for (const label of ['web', one.taskId, one.taskId.slice(0, 8)])
      expect(isMeant(parseName(`${label}.task.berth.internal`), one)).toBe(true);
    for (const label of ['we', one.taskId.slice(0, 7), 'shop']) expect(isMeant(parseName(`${label}.task.berth.internal`), one)).toBe(false);
  });

  it('mean the running tasks of a family, whatever the case', () => {
    const query = parseName('shop.family.berth.internal');
    expect([task(), task({ running: false }), task({ family: null })].map((one) => isMeant(query, one))).toEqual([true, false, false]);
  });
});

describe('the resolvers', () => {
  it('are those of the host, without ourselves', () => {
    const text = '# comment\nnameserver 127.0.0.53\n nameserver 10.66.0.1\nnameserver fe80::1%eth0\nnameserver nonsense\noptions ndots:1\n';
    expect(resolversOf(text, ['10.66.0.1'])).toEqual([
      { address: '127.0.0.53', port: 53 },
      { address: 'fe80::1%eth0', port: 53 },
    ]);
  });

  it('may be given with a port', () => {
    expect(['1.2.3.4', '1.2.3.4:5353', '1.2.3.400', '1.2.3.4:0', 'x'].map(parseResolver)).toEqual([
      { address: '1.2.3.4', port: 53 },
      { address: '1.2.3.4', port: 5353 },
      null,
      null,
      null,
    ]);
  });
});
