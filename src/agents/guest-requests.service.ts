// Answers what an agent asks on behalf of a task on its host. A host learns only of tasks that it has and of tenants whose
// tasks it has: with a stolen certificate one can be nobody that is not there.
import type { HostId, IdentityTokenResponse, NamesRequest, NamesResponse, TaskId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { notFound } from '../errors.js';
import { Identity } from '../identity/identity.service.js';
import { claimsOf, subjectOf } from '../identity/task-identity.js';
import { findAddresses, findTaskOnHost, hasTaskOfTenant } from './guest-requests.store.js';

@Injectable()
export class GuestRequests {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(Identity) private readonly identity: Identity,
  ) {}

  /** @throws ApiError not_found unless the task runs, or is to run, on this very host. */
  async identityToken(hostId: HostId, { taskId, audience }: { taskId: TaskId; audience: string }): Promise<IdentityTokenResponse> {
    const task = await findTaskOnHost(this.db, hostId, taskId);
    if (!task) throw notFound('task', taskId);
    const { token, issuedAt, expiresAt } = await this.identity.sign(subjectOf(task), audience, claimsOf(task));
    return { token, issuedAt: issuedAt.toISOString(), expiresAt: expiresAt.toISOString() };
  }

  /** @throws ApiError not_found unless the host has a task of the tenant. */
  async names(hostId: HostId, request: NamesRequest): Promise<NamesResponse> {
    if (!(await hasTaskOfTenant(this.db, hostId, request.tenantId))) throw notFound('tenant', request.tenantId);
    return { addresses: await findAddresses(this.db, request) };
  }
}
