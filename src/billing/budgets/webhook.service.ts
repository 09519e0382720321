// Sends a signed POST to a tenant's URL, to nowhere else: it connects to an address that was checked, follows no redirect and
// reads no answer but its status.
import { createHmac } from 'node:crypto';
import { lookup as resolve } from 'node:dns';
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../../config.js';
import { CONFIG } from '../../db/db.module.js';
import { mayReach } from './private-address.js';

const timeoutMs = 10_000;

export interface WebhookCall {
  readonly url: string;
  readonly secret: string;
  readonly body: string;
  /** The same each time it is tried again, so that the receiver can tell. */
  readonly id: string;
}

@Injectable()
export class Webhooks {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** @throws Error in words for the tenant, unless the answer was 2xx */
  async send({ url, secret, body, id }: WebhookCall): Promise<void> {
    const target = new URL(url);
    const host = target.hostname.replace(/^\[|\]$/g, '');
    // Node looks no address up that is one already.
    if (isIP(host) !== 0 && !mayReach(host, this.config.alerts.allowedNetworks)) throw refusal(host);
    const status = await this.post(target, body, {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'user-agent': 'Berth-Webhook/1',
      'berth-delivery': id,
      'berth-signature': signature(secret, body, Math.floor(Date.now() / 1000)),
    });
    if (status < 200 || status > 299)
      throw new Error(`It answered ${status}${status >= 300 && status < 400 ? '; redirects are not followed' : ''}.`);
  }

  private post(target: URL, body: string, headers: Record<string, string>): Promise<number> {
    const request = target.protocol === 'https:' ? overHttps : overHttp;
    return new Promise((done, fail) => {
      const call = request(target, { method: 'POST', headers, lookup: this.checkedLookup, agent: false, timeout: timeoutMs }, (answer) => {
        answer.destroy();
        done(answer.statusCode ?? 0);
      });
      const late = setTimeout(() => call.destroy(new Error(`It did not answer within ${timeoutMs / 1000} s.`)), timeoutMs);
      call.on('close', () => clearTimeout(late));
      call.on('error', fail);
      call.end(body);
    });
  }

  /** The connection goes to what was checked here: nobody asks the name server a second time. */
  private readonly checkedLookup: LookupFunction = (host, options, answer) => {
    resolve(host, { all: true, family: options.family ?? 0 }, (error, addresses) => {
      if (error) return answer(error, []);
      const bad = addresses.find(({ address }) => !mayReach(address, this.config.alerts.allowedNetworks));
      if (bad || addresses.length === 0) return answer(refusal(host), []);
      const [first] = addresses as [{ address: string; family: number }];
      return options.all ? answer(null, addresses) : answer(null, first.address, first.family);
    });
  };
}

/** `t=SECONDS,v1=HEX`: the time is part of what is signed, so that an old call can't be sent again. */
export function signature(secret: string, body: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

function refusal(host: string): Error {
  return new Error(`${host} is not on the public Internet. Webhooks go there only, unless the operator allows its network.`);
}
