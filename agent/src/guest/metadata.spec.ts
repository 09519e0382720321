import type { TaskId } from '@berth/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../../test/tasks.js';
import { newRecord } from '../task-record.js';
import { directory } from './directory.js';
import { containerWithId, guestId, isSessionToken, sessionToken } from './guest-id.js';
import type { HostPlace } from './host-place.js';
import { find, instanceTree, type Tree } from './instance-document.js';
import { concurrency, rateLimit } from './rate.js';
import { taskDocument } from './task-document.js';

const key = Buffer.alloc(32, 1);
const taskId = '3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c' as TaskId;
const spec = taskSpec({ taskId, containers: [containerSpec({ name: 'main', cpuMillis: 500 }), containerSpec({ name: 'side' })] });
const place: HostPlace = {
  region: 'r1',
  zone: 'r1a',
  instanceType: 't',
  architecture: 'x86_64',
  cidr: '10.66.0.0/16',
  gateway: '10.66.0.1',
  macOf: () => '0a:58:00:00:00:00',
};
const address = '10.66.0.2';
const record = { ...newRecord(spec, 1_000), address };
const task = { record, spec, address };

describe('an id', () => {
  it('is a container’s own, and another key’s host has others', () => {
    const ids = spec.containers.map(({ name }) => guestId(key, taskId, name));
    expect(new Set([...ids, guestId(Buffer.alloc(32, 2), taskId, 'main')]).size).toBe(3);
    expect(ids.every((id) => /^[0-9a-f]{32}-\d{10}$/.test(id))).toBe(true);
    expect(containerWithId(key, taskId, spec.containers, ids[1] ?? '')?.name).toBe('side');
    expect(containerWithId(key, '00000000-0000-4000-8000-000000000000', spec.containers, ids[1] ?? '')).toBeNull();
  });
});

describe('a session token', () => {
  it('is good for its task until its end, and no bit of it can be changed', () => {
    const token = sessionToken(key, taskId, 5_000);
    expect(isSessionToken(key, taskId, token, 4_999)).toBe(true);
    expect(isSessionToken(key, taskId, token, 5_000)).toBe(false);
    expect(isSessionToken(key, 'another', token, 0)).toBe(false);
    const bytes = Buffer.from(token, 'base64url');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const forged = Buffer.from(bytes);
        forged[at] = (forged[at] ?? 0) ^ change;
        expect(isSessionToken(key, taskId, forged.toString('base64url'), 0)).toBe(false);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void expect(isSessionToken(key, taskId, text, 0)).toBe(false)));
  });
});

describe('the instance tree', () => {
  const tree: Tree = instanceTree({ ...task, spec: { ...spec, userData: '' } }, place, async () => '{}');

  it('lists directories with a slash, and takes any release for the newest', () => {
    expect(find(tree, '/latest')).toEqual({ kind: 'listing', text: 'dynamic/\nmeta-data/\nuser-data' });
    expect(find(tree, '/2021-07-15/meta-data/local-ipv4')).toEqual({ kind: 'leaf', leaf: address });
    expect(find(tree, '/latest/meta-data/iam/security-credentials/')).toEqual({ kind: 'listing', text: 'web' });
    expect(find(tree, '/latest/user-data')).toEqual({ kind: 'leaf', leaf: '' });
  });

  it('has nothing but what it shows, whatever is asked', () => {
    expect(['/latest/toString', '/latest/__proto__/x', '/latest/meta-data/mac/length'].map((path) => find(tree, path).kind)).toEqual([
      'none',
      'none',
      'none',
    ]);
  });
});

describe('the task document', () => {
  it('counts as ECS does, and leaves out what has not happened', () => {
    const document = taskDocument(task, place);
    expect(document).toMatchObject({ Limits: { CPU: 0.1, Memory: 64 }, KnownStatus: 'NONE', DesiredStatus: 'RUNNING' });
    expect(document.Containers.map(({ Limits }) => Limits.CPU)).toEqual([512, 102.4]);
    expect(document).not.toHaveProperty('PullStartedAt');
    expect(document.Containers[0]).not.toHaveProperty('StartedAt');
  });

  it('says when the images were pulled', () => {
    const started = { ...record, state: 'starting' as const, reachedAtMs: { starting: 2_000 }, startTimings: { image: 30 } };
    expect(taskDocument({ ...task, record: started }, place)).toMatchObject({
      PullStartedAt: '1970-01-01T00:00:02.000Z',
      PullStoppedAt: '1970-01-01T00:00:02.030Z',
      KnownStatus: 'CREATED',
    });
  });
});

describe('the directory', () => {
  it('gives an address to the newest task that has it, and names only those that stay', () => {
    const newer = { ...newRecord(taskSpec({ tenantId: spec.tenantId }), 2_000), address };
    const leaving = {
      ...newRecord(taskSpec({ tenantId: spec.tenantId }), 3_000),
      address: '10.66.0.3',
      stop: { code: 'UserInitiated', reason: '' },
    } as const;
    const ended = { ...newRecord(taskSpec(), 4_000), address, state: 'stopped' } as const;
    let records = [record];
    const known = directory(() => records);
    expect(known.at(address)?.record).toBe(record);
    records = [record, newer, leaving, ended] as never;
    expect(known.at(address)?.record).toBe(record);
    known.invalidate();
    expect(known.at(address)?.record).toBe(newer);
    expect(known.at('10.66.0.3')?.record).toBe(leaving);
    expect(known.ofTenant(spec.tenantId).map((one) => one.taskId)).toEqual([newer.taskId]);
    expect(known.ofTenant('another')).toEqual([]);
  });
});

describe('limits', () => {
  it('let through what was not used, and no more', () => {
    const may = rateLimit({ perSecond: 10, burst: 3 });
    const allowed = (nowMs: number, times: number) => Array.from({ length: times }, () => may('a', nowMs)).filter(Boolean).length;
    expect([allowed(0, 5), allowed(100, 5), allowed(10_000, 5)]).toEqual([3, 1, 3]);
    expect(may('b', 0)).toBe(true);
  });

  it('never let more than the burst and the rate through, in any order of asking', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 200 }), (pauses) => {
        const may = rateLimit({ perSecond: 20, burst: 5 });
        let nowMs = 0;
        let granted = 0;
        for (const pause of pauses) {
          nowMs += pause;
          if (may('a', nowMs)) granted += 1;
        }
        expect(granted).toBeLessThanOrEqual(5 + (nowMs * 20) / 1000 + 1e-6);
      }),
    );
  });

  it('count what is under way', () => {
    const open = concurrency(2, 3);
    expect(['a', 'a', 'a', 'b', 'b'].map(open.enter)).toEqual([true, true, false, true, false]);
    open.leave('a');
    expect(['b', 'b'].map(open.enter)).toEqual([true, false]);
  });
});
