// Defragmentation as operators set it and see it.
import { type Defragmentation, type DefragmentationSettings, defragmentationSettingsSchema } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SignalBus } from '../db/signals.js';
import { readDefragmentation, writeSettings } from './defragmentation.store.js';

@Injectable()
export class DefragmentationService {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  async get(): Promise<Defragmentation> {
    const { settings, looked_at, steps } = await readDefragmentation(this.db);
    return { settings: defragmentationSettingsSchema.parse(settings), lookedAt: looked_at?.toISOString() ?? null, steps };
  }

  /** What is left out has its default. It is looked for hosts to empty soon after. */
  async set(settings: DefragmentationSettings): Promise<Defragmentation> {
    await writeSettings(this.db, settings);
    this.signals.send('hosts', []);
    return this.get();
  }
}
