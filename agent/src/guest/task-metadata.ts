// What answers at 169.254.170.2: the task metadata of ECS (v4, and v3 by the same paths), credentials, the identity token,
// and scale-in protection. A path names a container by an id that only its own environment has; another task's is not
// found, and neither is any path when the asker is not the task that the id belongs to.
import { audienceSchema, limits } from '@berth/contract';
import { z } from 'zod';
import { toInstant } from '../instant.js';
import type { TaskCounters } from '../runtime/stats-rates.js';
import { credentialsDocument, defaultAudience } from './credentials.js';
import type { GuestTask } from './directory.js';
import { containerWithId, guestId } from './guest-id.js';
import { type GuestRequest, IdentityUnavailable, json, type Reply, type Service, type TokenSource, text } from './guest-request.js';
import { type HostPlace, taskArn } from './host-place.js';
import { containerStats, type StatsLook } from './stats-document.js';
import { containerDocument, taskDocument } from './task-document.js';

/** @param untilMs null ends the protection. @returns false when the task is on its way out. */
export type SetProtection = (taskId: GuestTask['spec']['taskId'], untilMs: number | null) => boolean;

export interface TaskMetadataOptions {
  readonly key: Buffer;
  readonly place: HostPlace;
  readonly cpus: number;
  readonly tokens: TokenSource;
  readonly setProtection: SetProtection;
  counters(taskId: GuestTask['spec']['taskId']): TaskCounters | null;
  now(): number;
}

type Container = GuestTask['spec']['containers'][number];
interface Asked extends GuestRequest {
  readonly container: Container;
}
type Route = (asked: Asked) => Reply | Promise<Reply>;

/** How many tasks' last looks are remembered: those that are asked about most lately. */
const looksKept = 2000;

export function taskMetadata(options: TaskMetadataOptions): Service {
  const { key, place, tokens, now } = options;
  const looks = new Map<string, TaskCounters>();

  const look = (task: GuestTask): StatsLook | null => {
    const { taskId } = task.spec;
    const counters = options.counters(taskId);
    if (!counters) return null;
    const before = looks.get(taskId) ?? null;
    looks.delete(taskId);
    looks.set(taskId, counters);
    for (const oldest of looks.keys()) if (looks.size > looksKept) looks.delete(oldest);
    return { counters, before, sinceMs: task.record.acceptedAtMs, cpus: options.cpus };
  };
  const idOf = (task: GuestTask, container: Container) => guestId(key, task.spec.taskId, container.name);
  const statsOf = (task: GuestTask, container: Container, seen: StatsLook) => containerStats(seen, container.name, idOf(task, container));

  const stats: Route = ({ task, container }) => {
    const seen = look(task);
    const one = seen && statsOf(task, container, seen);
    return one ? json(200, one) : text(404, 'There are no statistics of this container yet.');
  };
  const taskStats: Route = ({ task }) => {
    const seen = look(task);
    return json(200, Object.fromEntries(task.spec.containers.map((each) => [idOf(task, each), seen && statsOf(task, each, seen)])));
  };
  const container: Route = (asked) => json(200, containerDocument(asked.task, asked.container, place));
  const task: Route = (asked) => json(200, taskDocument(asked.task, place));

  const credentials: Route = async ({ task: { spec }, task: asker }) =>
    json(200, credentialsDocument(await tokens(asker, defaultAudience), spec.taskId));
  const token: Route = async ({ task: asker, query }) => {
    const audience = audienceSchema.safeParse(query.get('audience') ?? defaultAudience);
    if (!audience.success) return text(400, `audience ${audience.error.issues[0]?.message}`);
    return text(200, (await tokens(asker, audience.data)).token, { 'cache-control': 'no-store' });
  };

  const routes: readonly (readonly [method: string, pattern: RegExp, route: Route])[] = [
    ['GET', /^\/v[34]\/([^/]+)\/?$/, container],
    ['GET', /^\/v[34]\/([^/]+)\/task\/?$/, task],
    ['GET', /^\/v[34]\/([^/]+)\/taskWithTags\/?$/, task],
    ['GET', /^\/v[34]\/([^/]+)\/stats\/?$/, stats],
    ['GET', /^\/v[34]\/([^/]+)\/task\/stats\/?$/, taskStats],
    ['GET', /^\/v2\/credentials\/([^/]+)$/, credentials],
    ['GET', /^\/identity\/([^/]+)\/token$/, token],
    [
      'GET',
      /^\/api\/([^/]+)\/task-protection\/v1\/state$/,
      ({ task: asker }) => protectionReply(asker, asker.record.protection?.untilMs ?? null),
    ],
    ['PUT', /^\/api\/([^/]+)\/task-protection\/v1\/state$/, changeProtection],
  ];

  return async (request) => {
    const fitting = routes.flatMap(([method, pattern, route]) => {
      const id = pattern.exec(request.path)?.[1];
      return id === undefined ? [] : [{ method, route, id }];
    });
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const chosen = fitting.find((one) => one.method === method);
    if (!chosen)
      return fitting.length > 0 ? text(405, `${request.path} does not take ${request.method}.`) : text(404, 'There is no such path.');
    const { spec } = request.task;
    const asker = containerWithId(key, spec.taskId, spec.containers, chosen.id);
    if (!asker) return text(404, 'There is no such container in this task.');
    try {
      return await chosen.route({ ...request, container: asker });
    } catch (error) {
      if (!(error instanceof IdentityUnavailable)) throw error;
      return text(503, error.message, { 'retry-after': '5' });
    }
  };

  function protectionReply({ spec }: GuestTask, untilMs: number | null): Reply {
    const isProtected = untilMs !== null && untilMs > now();
    return json(200, {
      protection: {
        ...(isProtected ? { ExpirationDate: toInstant(untilMs) } : {}),
        ProtectionEnabled: isProtected,
        TaskArn: taskArn(place, spec.tenantId, spec.taskId),
      },
    });
  }

  function changeProtection({ task: asker, body }: Asked): Reply {
    const { spec } = asker;
    const arn = taskArn(place, spec.tenantId, spec.taskId);
    const wanted = readProtection(body);
    if (typeof wanted === 'string') return json(400, { error: { Arn: arn, Code: 'InvalidParameterException', Message: wanted } });
    const untilMs = wanted.ProtectionEnabled ? now() + wanted.ExpiresInMinutes * 60_000 : null;
    if (options.setProtection(spec.taskId, untilMs)) return protectionReply(asker, untilMs);
    return json(200, { failure: { Arn: arn, Reason: 'TASK_NOT_VALID', Detail: 'The task is being stopped.' } });
  }
}

const protectionBody = z.strictObject({
  ProtectionEnabled: z.boolean(),
  ExpiresInMinutes: z.int().min(limits.protectionMinutes.min).max(limits.protectionMinutes.max).default(limits.protectionMinutes.default),
});

/** @returns what is wrong with it, for the caller to read, when it is no such body. */
function readProtection(body: string): z.output<typeof protectionBody> | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return 'Send {"ProtectionEnabled": true, "ExpiresInMinutes": 60} as JSON.';
  }
  const parsed = protectionBody.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return `${issue?.path.join('.') || 'body'}: ${issue?.message}`;
}
