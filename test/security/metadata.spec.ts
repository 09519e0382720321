// The addresses where clouds give credentials away answer the asking task only, and EC2's only with a token. Asked from
// inside, in both tiers, with what another task was given.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AgentHost, agentHost, shellTask } from '../support/agent-host.js';
import { skipWithout, tierSize, tiers } from '../support/attack-host.js';
import { type Guest, guestOf } from '../support/guest.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const imds = 'http://169.254.169.254/latest';
let registry: TestRegistry;
let host: AgentHost;
let image: string;
let victim: Guest;
/** What the victim was given. */
let token: string;
let path: string;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  host = await agentHost({ BERTH_INSECURE_REGISTRIES: registry.address });
  await host.start();
  victim = await guestOf(host, shellTask(image, 'sleep 10000', {}, { tenantId: randomUUID() }));
  ({ body: token } = await victim.curl(`${imds}/api/token`, '-X', 'PUT', '-H', 'X-aws-ec2-metadata-token-ttl-seconds: 600'));
  path = /ECS_CONTAINER_METADATA_URI_V4=http:\/\/[0-9.]+(\S+)/.exec(await victim.inside('env'))?.[1] ?? '';
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

/** busybox can send any request with its nc only. The first line of the answer is what counts. */
const ask = `
ask() { printf "$2 $3 HTTP/1.0\\r\\nHost: metadata\\r\\n$4\\r\\n" | nc -w 5 $1 80 2>/dev/null | sed -n "$5" | tr -d '\\r'; }
status() { ask "$1" "$2" "$3" "$4" 1p | cut -d' ' -f2 | grep . || echo none; }
`;

async function statusesIn(tier: (typeof tiers)[number]): Promise<Record<string, string>> {
  const header = 'X-aws-ec2-metadata-token: ';
  const script = `${ask}
own=$(ask 169.254.169.254 PUT /latest/api/token "X-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n" '$p')
uri=\${ECS_CONTAINER_METADATA_URI_V4#http://169.254.170.2}
echo "without a token: $(status 169.254.169.254 GET /latest/meta-data/instance-id '')"
echo "with its own: $(status 169.254.169.254 GET /latest/meta-data/instance-id "${header}$own\\r\\n")"
echo "with another’s: $(status 169.254.169.254 GET /latest/meta-data/instance-id '${header}${token}\\r\\n')"
echo "its own task: $(status 169.254.170.2 GET $uri/task '')"
echo "another’s task: $(status 169.254.170.2 GET ${path}/task '')"
echo "of the cloud beside: $(status 169.254.169.253 GET / '') $(status 169.254.1.1 GET / '')"
echo end; sleep 1000`;
  const task = shellTask(image, script, { init: false, stopTimeoutSeconds: 0 }, { ...tierSize(tier), tenantId: randomUUID() });
  host.run(task);
  await host.reported(task, ({ state }) => state === 'running');
  // As the host keeps it: `TIME STREAM F TEXT`.
  const said = async () =>
    (await host.sh(`cat ${host.dataDirectory}/logs/${task.taskId}/*`)).split('\n').map((line) => line.split(' ').slice(3).join(' '));
  await expect.poll(said, { timeout: 100_000, interval: 500 }).toContain('end');
  const lines = await said();
  host.stop(task);
  return Object.fromEntries(lines.filter((line) => line.includes(': ')).map((line) => line.split(': ') as [string, string]));
}

for (const tier of tiers) {
  it(`probe ${tier}: metadata is the asking task’s own, with a token of its own`, async (context) => {
    skipWithout(tier, context);
    expect(await statusesIn(tier)).toEqual({
      'without a token': '401',
      'with its own': '200',
      'with another’s': '401',
      'its own task': '200',
      'another’s task': '404',
      'of the cloud beside': 'none none',
    });
  });
}

it('probe container: what another task was refused is good for the one that it was given to (control)', async () => {
  expect((await victim.curl(`${imds}/meta-data/instance-id`, '-H', `X-aws-ec2-metadata-token: ${token}`)).status).toBe(200);
  expect((await victim.curl(`http://169.254.170.2${path}/task`)).status).toBe(200);
});
