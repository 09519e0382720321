// Who opens a WebSocket, and whether they may: what the guard is to requests.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Role } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '../errors.js';
import { requireAbility } from './access.guard.js';
import { Authenticator } from './authenticator.service.js';
import type { Caller } from './caller.js';
import { credentialOf } from './credential.js';
import { OwnPages } from './own-pages.service.js';
import { RequestLimit } from './request-limit.service.js';
import { RequestTrail } from './request-trail.service.js';

/** One attempt to open a socket. */
export interface Visit {
  readonly requestId: string;
  /** @throws ApiError unauthenticated, forbidden, out_of_scope, bad_origin, rate_limited */
  caller(role: Role): Promise<Caller>;
  /** @param status of the answer; 101 when it was opened */
  end(status: number): void;
}

@Injectable()
export class SocketAccess {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(RequestLimit) private readonly limit: RequestLimit,
    @Inject(OwnPages) private readonly pages: OwnPages,
    @Inject(RequestTrail) private readonly trail: RequestTrail,
  ) {}

  /** @throws ApiError bad_origin for a page that is none of ours, whatever it shows */
  visit(request: IncomingMessage, path: string): Visit {
    this.pages.requireForSocket(request.headers);
    const asked = { method: 'OPEN', path, ip: request.socket.remoteAddress ?? '', requestId: randomUUID() };
    let ended: (status: number) => void = () => {};
    return {
      requestId: asked.requestId,
      caller: async (role) => {
        const caller = await this.admit(request, role, asked);
        ended = await this.trail.beginSocket(asked, caller);
        return caller;
      },
      end: (status) => ended(status),
    };
  }

  private async admit(request: IncomingMessage, role: Role, asked: Parameters<RequestTrail['beginSocket']>[0]): Promise<Caller> {
    const credential = credentialOf(request.headers);
    const caller = credential && (await this.authenticator.callerOf(credential));
    await this.limit.spend(caller, asked.ip);
    try {
      if (!caller) throw new ApiError('unauthenticated');
      if (credential) this.pages.require(credential, request.headers);
      requireAbility(caller, role, asked.method, asked.path);
      return caller;
    } catch (refusal) {
      this.trail.deny(asked, caller, 'openSocket', refusal);
      throw refusal;
    }
  }
}
