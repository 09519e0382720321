// Who a task is, as the control plane says it: tokens through the gateway's door, keys by OpenID Connect discovery, and
// what a host may ask for its tasks.
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { guestPaths, type HostId, type IdentityTokenResponse, type NamesResponse, type TaskId } from '@berth/contract';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { enrol } from '../../agent/src/enrol.js';
import { gatewayClient } from '../../agent/src/guest/gateway-client.js';
import type { Identity } from '../../agent/src/identity.js';
import { freePort } from '../support/cluster.js';
import { type ControlPlane, startControlPlane } from '../support/control-plane.js';
import { addTasks, newWorld, type World } from '../support/fleet-rows.js';

let plane: ControlPlane;
let identity: Identity;
let other: Identity;
let client: ReturnType<typeof gatewayClient>;
let otherClient: ReturnType<typeof gatewayClient>;
let world: World;
let taskId: TaskId;

beforeAll(async () => {
  const port = String(await freePort());
  // No scheduler: the tasks are rows, and no agent is linked.
  plane = await startControlPlane(inject('databaseUrl'), { BERTH_HTTP_PORT: port, BERTH_ROLES: 'api,gateway' });
  await plane.app.listen(plane.config.http.port, plane.config.http.host);
  identity = await enrol({ gatewayUrl: plane.gatewayUrl, token: await plane.hostToken(), name: 'one' });
  other = await enrol({ gatewayUrl: plane.gatewayUrl, token: await plane.hostToken(), name: 'two' });
  client = gatewayClient(plane.gatewayUrl, () => identity);
  otherClient = gatewayClient(plane.gatewayUrl, () => other);
  world = await newWorld(plane.db);
  [taskId] = (await addTasks(plane.db, world, 1, { state: 'running', hostId: identity.hostId })) as [TaskId];
});

afterAll(async () => {
  client?.close();
  otherClient?.close();
  await plane?.destroy();
});

const tokenOf = async (from: typeof client, body: object) => (await from.ask(guestPaths.identityToken, body)) as IdentityTokenResponse;

describe('an identity token', () => {
  const audience = 'https://vault.example.com';

  it('is checked by what discovery leads to, and says which task it is', async () => {
    const { token, expiresAt } = await tokenOf(client, { taskId, audience });
    const issuer = plane.config.publicUrl;
    const discovery = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as { issuer: string; jwks_uri: string };
    expect(discovery.issuer).toBe(issuer);
    const { payload, protectedHeader } = await jwtVerify(token, createRemoteJWKSet(new URL(discovery.jwks_uri)), { issuer, audience });
    expect(payload).toMatchObject({
      sub: `tenant/${world.tenantId}/family/app/task/${taskId}`,
      tenant_id: world.tenantId,
      family: 'app',
      revision: 1,
      task_id: taskId,
      host_id: identity.hostId,
      jti: expect.any(String),
    });
    expect(protectedHeader).toMatchObject({ alg: 'ES256', kid: expect.any(String) });
    expect(new Date((payload.exp ?? 0) * 1000).toISOString()).toBe(expiresAt);
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
  });

  it('is signed by a key that outlives the process, and the next one is published already', async () => {
    const keys = async () =>
      (await (await fetch(`${plane.config.publicUrl}/.well-known/jwks.json`)).json()) as { keys: { kid: string; d?: string }[] };
    const before = await keys();
    expect(before.keys).toHaveLength(2);
    expect(before.keys.some((key) => 'd' in key)).toBe(false);
    const files = (await readdir(plane.config.pkiDir)).filter((file) => file.startsWith('identity-'));
    expect(files).toHaveLength(2);
    plane = await plane.restart();
    await plane.app.listen(plane.config.http.port, plane.config.http.host);
    expect(await keys()).toEqual(before);
  });

  it('is given to the task’s own host only, and while the task is there', async () => {
    const [stopped] = await addTasks(plane.db, world, 1, { state: 'stopped', hostId: identity.hostId });
    const refused = { status: 404 };
    await expect(tokenOf(otherClient, { taskId, audience })).rejects.toMatchObject(refused);
    await expect(tokenOf(client, { taskId: stopped, audience })).rejects.toMatchObject(refused);
    await expect(tokenOf(client, { taskId: randomUUID(), audience })).rejects.toMatchObject(refused);
    await expect(tokenOf(client, { taskId, audience: 'a b' })).rejects.toMatchObject({ status: 422 });
    const stranger = gatewayClient(plane.gatewayUrl, () => ({ ...identity, key: undefined, certificate: undefined }) as never);
    await expect(tokenOf(stranger, { taskId, audience })).rejects.toMatchObject({ status: 401 });
    stranger.close();
  });
});

describe('names', () => {
  const ask = async (from: typeof client, label: string, kind = 'task', tenantId = world.tenantId) =>
    ((await from.ask(guestPaths.names, { tenantId, kind, label })) as NamesResponse).addresses;

  beforeAll(async () => {
    await plane.db.query("UPDATE tasks SET name = 'web', address = '10.66.0.2' WHERE id = $1", [taskId]);
    const foreign = await newWorld(plane.db);
    const [theirs] = await addTasks(plane.db, foreign, 1, { state: 'running', hostId: other.hostId as HostId });
    await plane.db.query("UPDATE tasks SET name = 'web', address = '10.67.0.2' WHERE id = $1", [theirs]);
  });

  it('mean running tasks of the tenant, by name, id, the beginning of it, and family', async () => {
    for (const label of ['web', taskId, taskId.slice(0, 8)]) expect(await ask(client, label), label).toEqual(['10.66.0.2']);
    expect(await ask(client, 'APP', 'family')).toEqual(['10.66.0.2']);
    for (const label of ['we', 'app', taskId.slice(0, 7), "' OR true --"]) expect(await ask(client, label), label).toEqual([]);
  });

  it('are told to hosts of the tenant only', async () => {
    await expect(ask(otherClient, 'web')).rejects.toMatchObject({ status: 404 });
    await expect(ask(client, 'web', 'task', randomUUID())).rejects.toMatchObject({ status: 404 });
  });
});
