// The agent as a process, with a simulated runtime, on a spot machine that EC2 takes back: from the instance metadata to a
// host that is emptied.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Drain, Host, HostEvent } from '@berth/contract';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type InstanceMetadata, startInstanceMetadata } from '../../agent/test/instance-metadata.js';
import { type ControlPlane, startControlPlane } from '../support/control-plane.js';
import { eventually } from '../support/fleet-rows.js';

const root = resolve(import.meta.dirname, '../..');
let plane: ControlPlane;
let metadata: InstanceMetadata;
let data: string;
let agent: ChildProcess | undefined;

beforeAll(async () => {
  plane = await startControlPlane(inject('databaseUrl'));
  metadata = await startInstanceMetadata();
  data = await mkdtemp(join(tmpdir(), 'berth-test-spot-'));
});
afterAll(async () => {
  agent?.kill('SIGKILL');
  metadata?.close();
  await plane?.destroy();
  await rm(data, { recursive: true, force: true });
});

it('an agent that was told where to look says that its machine goes, and the host is emptied before that', async () => {
  agent = spawn(process.execPath, ['--import', 'tsx', join(root, 'agent/src/main.ts')], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      BERTH_AGENT_RUNTIME: 'sim',
      BERTH_AGENT_DATA: data,
      BERTH_GATEWAY_URL: plane.gatewayUrl,
      BERTH_HOST_TOKEN: await plane.hostToken(),
      BERTH_EC2_METADATA_URL: metadata.url,
      BERTH_LOG_LEVEL: 'error',
    },
  });
  const [{ id }] = await eventually(async () => {
    const { items } = (await plane.get('/v1/hosts')).body as { items: Host[] };
    return items[0]?.state === 'active' && (items as [Host]);
  });
  const at = new Date(Date.now() + 120_000);
  metadata.answer = { status: 200, text: JSON.stringify({ action: 'terminate', time: at.toISOString() }) };
  const events = async () => ((await plane.get(`/v1/hosts/${id}/events`)).body as { items: HostEvent[] }).items;
  await eventually(async () => (await events()).some(({ type }) => type === 'drained'));
  expect((await events()).map(({ type }) => type)).toEqual(['enrolled', 'interruption-notice', 'drain-started', 'drained']);
  const drain = (await plane.get(`/v1/hosts/${id}/drain`)).body as Drain;
  expect(Date.parse(drain.deadlineAt)).toBeLessThanOrEqual(at.getTime() - 30_000);
  const gone = once(agent, 'exit');
  agent.kill('SIGTERM');
  expect(await gone).toEqual([0, null]);
});
