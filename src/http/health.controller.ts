// What load balancers and Prometheus ask, of every process whatever its roles.
import { Controller, Get, Header, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { Public } from '../accounts/caller.js';
import { MetricsService } from './metrics.service.js';

const healthSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });

@ApiTags('health')
@Public()
@Controller()
export class HealthController {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(MetricsService) private readonly metrics: MetricsService,
  ) {}

  @Get('healthz')
  @ApiOperation({ summary: 'Whether this process is alive' })
  @ApiOkResponse({ standardSchema: healthSchema, description: 'It is.' })
  healthz() {
    return { status: 'ok' };
  }

  @Get('readyz')
  @ApiOperation({ summary: 'Whether this process can serve requests', description: 'It can when PostgreSQL answers.' })
  @ApiOkResponse({ standardSchema: healthSchema, description: 'It can.' })
  @ApiServiceUnavailableResponse({ description: 'PostgreSQL does not answer.' })
  async readyz() {
    await this.database.query('SELECT 1');
    return { status: 'ok' };
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiOperation({ summary: 'Figures in Prometheus’ text format' })
  @ApiOkResponse({ description: 'The figures.', content: { 'text/plain': { schema: { type: 'string' } } } })
  metricsText(): Promise<string> {
    return this.metrics.text();
  }
}
