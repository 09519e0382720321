// What Berth uses of Stripe's API, over real HTTP: invoice items, found by customer; idempotency keys; and the ways in which
// a network fails.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

export interface StripeItemSeen {
  readonly id: string;
  readonly customer: string;
  readonly amount: number;
  readonly currency: string;
  readonly description: string;
  readonly metadata: Record<string, string>;
}

/** `lost`: done, but the answer never arrives. `busy`, `broken`: 429, 500 without doing anything. */
export type Mishap = 'lost' | 'busy' | 'broken';

export interface StripeStandIn {
  readonly url: string;
  readonly items: StripeItemSeen[];
  /** What befalls the next requests that make something, one each. */
  readonly mishaps: Mishap[];
  /** As Stripe does after a day. */
  forgetKeys(): void;
  stop(): Promise<void>;
}

export async function startStripe(): Promise<StripeStandIn> {
  const items: StripeItemSeen[] = [];
  const mishaps: Mishap[] = [];
  const answers = new Map<string, string>();
  const server = createServer((request, response) => void handle(request, response));

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://stripe');
    if (url.pathname !== '/v1/invoiceitems') return answer(response, 404, { error: { type: 'invalid_request_error' } });
    if (request.headers.authorization !== 'Bearer sk_test_of_the_tests')
      return answer(response, 401, { error: { type: 'authentication_error' } });
    if (request.method === 'GET') return list(url, response);
    const form = new URLSearchParams(await text(request));
    const mishap = mishaps.shift();
    if (mishap === 'busy') return answer(response, 429, { error: { type: 'rate_limit_error' } });
    if (mishap === 'broken') return answer(response, 500, { error: { type: 'api_error' } });
    const body = make(form, String(request.headers['idempotency-key']));
    if (mishap === 'lost') return void request.socket.destroy();
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  }

  /** Newest first, a page at a time, as Stripe has it. */
  function list(url: URL, response: ServerResponse): void {
    const of = items.filter(({ customer }) => customer === url.searchParams.get('customer')).reverse();
    const after = url.searchParams.get('starting_after');
    const from = after === null ? 0 : of.findIndex(({ id }) => id === after) + 1;
    const page = of.slice(from, from + 3);
    answer(response, 200, { object: 'list', url: '/v1/invoiceitems', data: page, has_more: from + 3 < of.length });
  }

  function make(form: URLSearchParams, key: string): string {
    const before = answers.get(key);
    if (before !== undefined) return before;
    const metadata = Object.fromEntries(
      [...form].flatMap(([name, value]) => [...name.matchAll(/^metadata\[(.*)\]$/g)].map((match) => [match[1], value])),
    );
    const field = (name: string) => form.get(name) ?? '';
    const id = `ii_${randomUUID()}`;
    const item = {
      id,
      object: 'invoiceitem',
      customer: field('customer'),
      amount: Number(field('amount')),
      currency: field('currency'),
      description: field('description'),
      metadata,
    };
    items.push(item);
    answers.set(key, JSON.stringify(item));
    return JSON.stringify(item);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    items,
    mishaps,
    forgetKeys: () => answers.clear(),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
