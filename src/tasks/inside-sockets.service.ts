// The WebSockets of exec sessions and forwarded connections: who may open one, and what then runs on it.
import { forwardQuerySchema, type TenantId } from '@berth/contract';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { SocketDoor, type SocketRequest } from '../accounts/socket-door.service.js';
import { LOGGER } from '../db/db.module.js';
import { invalidRequest } from '../http/invalid-request.js';
import { OpenStreams } from '../http/open-streams.service.js';
import { ExecSessions } from './exec-sessions.service.js';
import type { WaitingSession } from './exec-sessions.store.js';
import { TaskInside } from './inside.service.js';

type Run = (client: WebSocket) => Promise<void>;

@Injectable()
export class InsideSockets implements OnModuleInit {
  constructor(
    @Inject(SocketDoor) private readonly door: SocketDoor,
    @Inject(ExecSessions) private readonly sessions: ExecSessions,
    @Inject(TaskInside) private readonly inside: TaskInside,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.door.add(/^\/v1\/tasks\/(?<taskId>[^/]+)\/exec\/(?<sessionId>[^/]+)$/, (request) => this.exec(request));
    this.door.add(/^\/v1\/tasks\/(?<taskId>[^/]+)\/forward$/, (request) => this.forward(request));
  }

  private async exec(request: SocketRequest) {
    const session = await this.session(request);
    return this.held(session.keyId, (signal) => this.inside.exec(session, signal));
  }

  private async forward({ params: { taskId = '' }, query, caller }: SocketRequest) {
    const { tenantId, keyId } = await caller('developer');
    const parsed = forwardQuerySchema.safeParse(Object.fromEntries(query));
    if (!parsed.success) throw invalidRequest(parsed.error.issues);
    const actor = { tenantId: tenantId as TenantId, keyId };
    return this.held(keyId, (signal) => this.inside.forward(actor, taskId, parsed.data.port, signal));
  }

  private async session({ params: { taskId = '', sessionId = '' }, token, caller }: SocketRequest): Promise<WaitingSession> {
    if (token !== null) return this.sessions.takeByToken(taskId, sessionId, token);
    const { tenantId } = await caller('developer');
    return this.sessions.takeByTenant(taskId, sessionId, tenantId as TenantId);
  }

  /** Counts it from the moment that something is asked of the host, to its end. */
  private async held(keyId: string, prepare: (signal: AbortSignal) => Promise<Run>): Promise<(client: WebSocket) => void> {
    const { signal, done } = this.streams.begin(keyId);
    try {
      const run = await prepare(signal);
      return (client) => {
        run(client)
          .catch((err) => this.logger.error({ err }, 'a session inside a task failed'))
          .finally(done);
      };
    } catch (error) {
      done();
      throw error;
    }
  }
}
