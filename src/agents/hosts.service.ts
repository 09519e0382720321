// Hosts as operators ask for them.
import { type Host, type HostId, isId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { notFound } from '../errors.js';
import { readHosts } from './hosts.store.js';

@Injectable()
export class HostsService {
  constructor(@Inject(DataSource) private readonly db: DataSource) {}

  /** All hosts, oldest first. */
  list(): Promise<Host[]> {
    return readHosts(this.db, null);
  }

  /** @throws ApiError not_found */
  async get(id: string): Promise<Host> {
    const [host] = isId(id) ? await readHosts(this.db, id as HostId) : [];
    if (!host) throw notFound('host', id);
    return host;
  }
}
