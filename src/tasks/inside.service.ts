// What is done inside a running task: opens the agent's end, passes what is said, and writes down who did what.
import {
  channelMessage,
  channels,
  closeMessage,
  type PathStatus,
  parseJson,
  pathStatusSchema,
  type TaskId,
  type TenantId,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { AgentSession } from '../agents/agent-session.service.js';
import { relayChannels } from '../agents/channel-relay.service.js';
import { HostLinks } from '../agents/host-links.service.js';
import { LOGGER } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import type { WaitingSession } from './exec-sessions.store.js';
import { type InsideEvent, InsideEventsStore } from './inside-events.store.js';
import { copiedReason, endedReason, forwardedReason, startedReason } from './inside-reason.js';
import { containerOf } from './running-container.js';
import type { TaskRow } from './task-view.js';
import { TasksService } from './tasks.service.js';

/** For whom something is done. */
export interface Actor {
  readonly tenantId: TenantId;
  readonly keyId: string;
}

/** What takes the data of a copy and says when it can take more. */
export interface Sink {
  /** @returns false when it is full: `drained` follows. */
  write(data: Uint8Array): boolean;
  drained(then: () => void): void;
}

const forwardListedEveryMs = 5 * 60_000;
const forwardsRemembered = 10_000;

@Injectable()
export class TaskInside {
  private readonly listedForwards = new Map<string, number>();

  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(HostLinks) private readonly hosts: HostLinks,
    @Inject(InsideEventsStore) private readonly events: InsideEventsStore,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Gets a session ready.
   * @returns what runs it on a client's socket, to its end.
   * @throws ApiError container_not_running, host_unreachable, unavailable
   */
  async exec({ tenantId, taskId, keyId, request }: WaitingSession, signal: AbortSignal): Promise<(client: WebSocket) => Promise<void>> {
    const row = await this.tasks.row(tenantId, taskId);
    const { container, command, tty } = request;
    containerOf(row, container);
    const session = await this.open(row, signal);
    const actor = { tenantId, keyId };
    await this.audit(actor, taskId, 'exec-started', startedReason(command, container, tty));
    return async (client) => {
      const begunAtMs = performance.now();
      const end = await relayChannels(client, session, request);
      const exitCode = 'exitCode' in end ? end.exitCode : null;
      const reason = endedReason(command, container, exitCode, performance.now() - begunAtMs);
      await this.auditAfter(actor, taskId, 'exec-ended', reason);
    };
  }

  /** As `exec`, for one connection to a port of the task. */
  async forward(actor: Actor, taskId: string, port: number, signal: AbortSignal): Promise<(client: WebSocket) => Promise<void>> {
    const row = await this.tasks.row(actor.tenantId, taskId);
    containerOf(row, undefined);
    if (this.isNews(`${actor.keyId} ${row.id} ${port}`)) await this.audit(actor, row.id, 'forwarded', forwardedReason(port));
    const session = await this.open(row, signal);
    return async (client) => {
      await relayChannels(client, session, { kind: 'forward', port });
    };
  }

  /** @throws as `exec`, and path_not_found */
  async stat(tenantId: TenantId, taskId: string, asked: string | undefined, path: string, signal: AbortSignal): Promise<PathStatus> {
    const row = await this.tasks.row(tenantId, taskId);
    const container = containerOf(row, asked);
    const session = await this.open(row, signal);
    let status: PathStatus | null = null;
    try {
      await session.start({ kind: 'stat', container, path }, ({ channel, data }) => {
        if (channel === channels.stdout) status = parseJson(pathStatusSchema, data);
      });
    } finally {
      session.close();
    }
    if (!status) throw new ApiError('host_unreachable');
    return status;
  }

  /**
   * Begins to copy out.
   * @returns what passes the tar on to its end. @throws ApiError copy_failed and others, also after some of it was passed.
   */
  async copyOut(
    actor: Actor,
    taskId: string,
    asked: string | undefined,
    path: string,
    signal: AbortSignal,
  ): Promise<(sink: Sink) => Promise<void>> {
    const row = await this.tasks.row(actor.tenantId, taskId);
    const container = containerOf(row, asked);
    const session = await this.open(row, signal);
    const early: Uint8Array[] = [];
    let bytes = 0;
    let take = (data: Uint8Array): void => {
      early.push(data);
      session.pause();
    };
    await session.start({ kind: 'copy-out', container, path }, ({ channel, data }) => {
      if (channel !== channels.stdout) return;
      bytes += data.length;
      take(data);
    });
    return async (sink) => {
      take = (data) => {
        if (sink.write(data)) return;
        session.pause();
        sink.drained(() => session.resume());
      };
      for (const data of early.splice(0)) take(data);
      session.resume();
      const end = await session.ended;
      session.close();
      await this.auditAfter(actor, row.id, 'copied-out', copiedReason(path, container, bytes, !('error' in end)));
      throwIfFailed(end);
    };
  }

  /** Copies a tar into a directory. @throws ApiError copy_failed, not_a_directory and others */
  async copyIn(
    actor: Actor,
    taskId: string,
    asked: string | undefined,
    path: string,
    tar: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const row = await this.tasks.row(actor.tenantId, taskId);
    const container = containerOf(row, asked);
    const parts = tar();
    const session = await this.open(row, signal);
    let bytes = 0;
    try {
      await session.start({ kind: 'copy-in', container, path }, () => {});
      const over = session.ended.then(() => true);
      for await (const chunk of parts) {
        bytes += chunk.length;
        // A tar that fails half-way takes no more: its reason is the answer.
        if (await Promise.race([session.send(channelMessage(channels.stdin, chunk)), over])) break;
      }
      await session.send(closeMessage(channels.stdin));
      const end = await session.ended;
      await this.auditAfter(actor, row.id, 'copied-in', copiedReason(path, container, bytes, !('error' in end)));
      throwIfFailed(end);
    } finally {
      session.close();
    }
  }

  private open(row: TaskRow, signal: AbortSignal): Promise<AgentSession> {
    if (!row.host_id) throw new ApiError('host_unreachable');
    const request = { kind: 'inside' as const, taskId: row.id };
    return this.hosts.openStream(row.host_id as never, request, signal, (socket) => new AgentSession(socket, signal));
  }

  /** Before it is done: what can't be written down is not done. */
  private audit({ tenantId, keyId }: Actor, taskId: TaskId, type: InsideEvent, reason: string): Promise<void> {
    return this.events.add(tenantId, taskId, type, reason, keyId);
  }

  /** When it has been done already. */
  private async auditAfter(actor: Actor, taskId: TaskId, type: InsideEvent, reason: string): Promise<void> {
    await this.audit(actor, taskId, type, reason).catch((err) =>
      this.logger.error({ err, taskId, type, reason, ...actor }, 'an event could not be written'),
    );
  }

  /** A page is a dozen connections: one event says it for a while. */
  private isNews(forward: string): boolean {
    const nowMs = performance.now();
    const news = nowMs - (this.listedForwards.get(forward) ?? Number.NEGATIVE_INFINITY) > forwardListedEveryMs;
    if (news) {
      this.listedForwards.delete(forward);
      this.listedForwards.set(forward, nowMs);
    }
    const [oldest] = this.listedForwards.keys();
    if (oldest !== undefined && this.listedForwards.size > forwardsRemembered) this.listedForwards.delete(oldest);
    return news;
  }
}

function throwIfFailed(end: Awaited<AgentSession['ended']>): void {
  if ('error' in end) throw end.error;
}
