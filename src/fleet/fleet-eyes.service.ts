// Sees the fleet as it is: EC2's instances and the database's rows together.
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { EC2, type Ec2 } from './ec2.service.js';
import { readFleetRows } from './fleet-view.store.js';
import { hasPools } from './pools.store.js';
import type { FleetView } from './types.js';

@Injectable()
export class FleetEyes {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(EC2) private readonly ec2: Ec2 | null,
  ) {}

  /**
   * EC2 is asked before the database: an instance that is on the list and not among the rows then has no row.
   * @returns null when there is nothing to look after. @throws Ec2Error
   */
  async view(): Promise<FleetView | null> {
    if (!this.ec2 || !(await hasPools(this.db))) return null;
    const instances = await this.ec2.list();
    const rows = await readFleetRows(this.db);
    return rows && { ...rows, instances };
  }
}
