// Against a server that speaks IMDSv2 as EC2 does: no answer without a token, tokens that stop to be good, 404 until there
// is a notice.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SpotNotice, watchSpotNotice } from './spot-notice.js';

const notice = { action: 'terminate', time: '2026-11-27T08:22:00Z' };
let server: Server;
let url: string;
let watch: SpotNotice | null;
let tokens: string[];
let asked: string[];
let answer: { status: number; text: string };

beforeEach(async () => {
  tokens = [];
  asked = [];
  watch = null;
  answer = { status: 404, text: 'Not Found' };
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const reply = (status: number, text: string) => response.writeHead(status).end(text);
    if (request.method === 'PUT' && request.url === '/latest/api/token') {
      if (!request.headers['x-aws-ec2-metadata-token-ttl-seconds']) return void reply(400, '');
      tokens.push(`token-${tokens.length}`);
      return void reply(200, tokens.at(-1) ?? '');
    }
    if (request.headers['x-aws-ec2-metadata-token'] !== tokens.at(-1)) return void reply(401, 'Unauthorized');
    if (request.url === '/latest/meta-data/spot/instance-action') return void reply(answer.status, answer.text);
    reply(404, '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  watch?.close();
  server.closeAllConnections();
  server.close();
});

const begin = () => {
  watch = watchSpotNotice({ url, log: pino({ level: 'silent' }), everyMs: 10 });
  return watch;
};
const askedOften = (times: number) => vi.waitFor(() => expect(asked.filter((one) => one.startsWith('GET')).length).toBeGreaterThan(times));

describe('the watch for a spot notice', () => {
  it('says nothing until there is one, and then that; with one token', async () => {
    const { current } = begin();
    await askedOften(3);
    expect([current, watch?.current, tokens.length]).toEqual([null, null, 1]);
    answer = { status: 200, text: JSON.stringify(notice) };
    await vi.waitFor(() => expect(watch?.current).toEqual({ action: 'terminate', at: notice.time }));
  });

  it('gets another token when its own is good no more', async () => {
    begin();
    await askedOften(1);
    tokens.push('of somebody else');
    answer = { status: 200, text: JSON.stringify(notice) };
    await vi.waitFor(() => expect(watch?.current).not.toBeNull());
    expect(tokens).toHaveLength(3);
  });

  it('goes on asking whatever it is answered', async () => {
    begin();
    for (const [status, text] of [
      [500, ''],
      [200, 'nonsense'],
      [200, '{"action":"terminate"}'],
    ] as const) {
      answer = { status, text };
      await askedOften(asked.length + 2);
    }
    expect(watch?.current).toBeNull();
    answer = { status: 200, text: JSON.stringify(notice) };
    await vi.waitFor(() => expect(watch?.current).not.toBeNull());
  });
});
