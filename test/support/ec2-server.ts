// A stand-in for EC2 that speaks its protocol, so that the SDK is used as it is. Answers what Berth asks for; faults are
// put in by name: `faults.push({ action, code, status })` answers one call so, `loseAnswers` cuts the line after the deed.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CloudError, type CloudInstance, type CloudOptions, Ec2Cloud } from './ec2-cloud.js';
import { type Fields, fieldsOf, signatureFault, toXml, type Xml } from './ec2-query.js';

const namespace = 'http://ec2.amazonaws.com/doc/2016-11-15/';

interface Fault {
  readonly action: string;
  readonly code: string;
  readonly status?: number;
}

export interface Ec2Server {
  readonly endpoint: string;
  readonly cloud: Ec2Cloud;
  /** Names of the actions that were asked for, in order. */
  readonly calls: string[];
  readonly faults: Fault[];
  /** So many of these actions are carried out, and then the connection breaks. */
  readonly loseAnswers: Map<string, number>;
  close(): Promise<void>;
}

interface Options extends CloudOptions {
  readonly region: string;
  /** Lists come in pages of so many at the most. */
  readonly pageSize?: number;
}

export async function startEc2({ region, pageSize = 1000, ...options }: Options): Promise<Ec2Server> {
  const cloud = new Ec2Cloud(options);
  const calls: string[] = [];
  const faults: Fault[] = [];
  const loseAnswers = new Map<string, number>();
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request);
    const wrong = signatureFault(request.headers, body, region, Date.now());
    if (wrong) throw new CloudError('AuthFailure', wrong, 401);
    const fields = fieldsOf(new URLSearchParams(body));
    const action = fields.text('Action') ?? '';
    calls.push(action);
    const fault = faults.findIndex((one) => one.action === action);
    const [hit] = fault < 0 ? [] : faults.splice(fault, 1);
    if (hit) throw new CloudError(hit.code, 'as the test asked for', hit.status);
    const result = actions[action]?.(cloud, fields, pageSize);
    if (!result) throw new CloudError('InvalidAction', `The action ${action} is not valid for this web service.`);
    const losses = loseAnswers.get(action) ?? 0;
    loseAnswers.set(action, Math.max(0, losses - 1));
    if (losses > 0) return void request.socket.destroy();
    const text = `<${action}Response xmlns="${namespace}"><requestId>r-1</requestId>${toXml(result)}</${action}Response>`;
    response.writeHead(200, { 'content-type': 'text/xml;charset=UTF-8' }).end(`<?xml version="1.0" encoding="UTF-8"?>${text}`);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => refuse(response, error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ cloud, calls, faults, loseAnswers },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await cloud.destroy();
    },
  };
}

const actions: Readonly<Record<string, (cloud: Ec2Cloud, fields: Fields, pageSize: number) => Xml>> = {
  RunInstances: (cloud, fields) => ({ reservationId: 'r-0', instancesSet: [describe(cloud.run(fields))] }),
  TerminateInstances: (cloud, fields) => ({
    instancesSet: cloud.terminate(fields.values('InstanceId')).map(({ id, state }) => ({ instanceId: id, currentState: { name: state } })),
  }),
  DescribeInstances: (cloud, fields, pageSize) => {
    const { items, nextToken } = page(cloud.list(filtersOf(fields), Date.now()), fields, pageSize);
    return { reservationSet: items.map((one) => ({ reservationId: 'r-0', instancesSet: [describe(one)] })), nextToken };
  },
  DescribeSpotInstanceRequests: (cloud, fields, pageSize) => {
    const { items, nextToken } = page(
      cloud.list(filtersOf(fields), Date.now()).filter(({ spot }) => spot),
      fields,
      pageSize,
    );
    const requests = items.map((one) => ({
      spotInstanceRequestId: `sir-${one.id.slice(2)}`,
      instanceId: one.id,
      status: { code: one.interrupted ? 'marked-for-termination' : 'fulfilled' },
    }));
    return { spotInstanceRequestSet: requests, nextToken };
  },
};

function describe({ id, type, zone, subnetId, state, tags, launchedAt, spot }: CloudInstance): Xml {
  return {
    instanceId: id,
    instanceState: { name: state },
    instanceType: type,
    launchTime: launchedAt.toISOString(),
    placement: { availabilityZone: zone },
    subnetId,
    instanceLifecycle: spot ? 'spot' : undefined,
    tagSet: Object.entries(tags).map(([key, value]) => ({ key, value })),
  };
}

function filtersOf(fields: Fields) {
  return fields.list('Filter').map((filter) => ({ key: filter.text('Name')?.replace(/^tag:/, '') ?? '', values: filter.values('Value') }));
}

function page<T>(all: readonly T[], fields: Fields, pageSize: number): { items: readonly T[]; nextToken: string | undefined } {
  const from = Number(fields.text('NextToken') ?? 0);
  const to = from + Math.min(pageSize, Number(fields.text('MaxResults') ?? pageSize));
  return { items: all.slice(from, to), nextToken: to < all.length ? String(to) : undefined };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

function refuse(response: ServerResponse, error: Error): void {
  const { code, status } = error instanceof CloudError ? error : { code: 'InternalError', status: 500 };
  const text = toXml({ Errors: { Error: { Code: code, Message: error.message } }, RequestID: 'r-1' });
  response
    .writeHead(status, { 'content-type': 'text/xml;charset=UTF-8' })
    .end(`<?xml version="1.0" encoding="UTF-8"?><Response>${text}</Response>`);
}
