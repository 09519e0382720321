// SQL of the platform-wide counts that /metrics shows.
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';

export interface TaskCount {
  readonly state: string;
  readonly count: number;
}

@Injectable()
export class TaskCountsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Two parts, because each has its partial index; stopped tasks are too many to count. States without tasks are left out. */
  live(): Promise<TaskCount[]> {
    return this.database.query(`
      SELECT 'pending' AS state, count(*)::int AS count FROM tasks WHERE state = 'pending'
      UNION ALL
      SELECT state, count(*)::int FROM tasks WHERE state ${holdsCapacity} GROUP BY state
    `);
  }
}
