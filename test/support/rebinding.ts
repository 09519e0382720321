// An attack on webhooks by their name, in a network and with a name server of this process's own (webhooks.spec.ts starts it so):
// names that are good when they are looked at and lead inside when they are asked for again. Prints what arrived where.
import { lookup } from 'node:dns/promises';
import { createServer } from 'node:http';
import { mayReach } from '../../src/billing/budgets/private-address.js';
import { Webhooks } from '../../src/billing/budgets/webhook.service.js';
import { startNameServer } from './name-server.js';

const [open = '', inside = ''] = process.argv.slice(2);
const port = 8099;

const addresses: Readonly<Record<string, (times: number) => string[]>> = {
  'rebinds.test': (times) => [times === 0 ? open : inside],
  'naive.test': (times) => [times === 0 ? open : inside],
  'mixed.test': () => [open, inside],
  'metadata.test': () => ['169.254.169.254'],
  'private.test': () => ['10.0.0.1'],
};
let questions = 0;
const names = await startNameServer((name, type, times) => {
  if (name === 'rebinds.test' && type === 'A') questions += 1;
  if (type === 'AAAA' && name === 'loopback6.test') return [{ name, type: 'AAAA', ttl: 0, data: '::1' }];
  if (type !== 'A') return [];
  return (addresses[name]?.(times) ?? []).map((data) => ({ name, type: 'A', ttl: 0, data }));
}, 53);

const arrived: string[] = [];
const servers = [open, inside].map((address) =>
  createServer((request, response) => {
    arrived.push(`${request.headers.host?.split(':')[0]} at ${address === open ? 'its address' : 'the inside'}`);
    response.end();
  }).listen(port, address),
);

const hooks = new Webhooks({ alerts: { allowedNetworks: [] } } as never);
const refused: string[] = [];
for (const host of ['rebinds.test', 'rebinds.test', 'mixed.test', 'metadata.test', 'private.test', 'loopback6.test', 'unknown.test']) {
  await hooks.send({ url: `http://${host}:${port}/`, secret: 's', body: '{}', id: '1' }).catch(() => refused.push(host));
}

// The control: who checks the name and then connects to the name is led inside.
const { address } = await lookup('naive.test', { family: 4 });
if (mayReach(address, [])) await fetch(`http://naive.test:${port}/`, { method: 'POST' });

process.stdout.write(JSON.stringify({ arrived, refused, questions }));
for (const server of servers) server.close();
await names.stop();
process.exit(0);
