import { type QuoteRequest, quoteRequestSchema, quoteSchema, type TenantId } from '@berth/contract';
import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { QuotesService } from '../billing/quotes.service.js';
import { plannedOf } from './planned-task.js';
import { TaskDefinitionsService } from './task-definitions.service.js';

@ApiTags('costs')
@Controller('v1/quotes')
export class QuotesController {
  constructor(
    @Inject(QuotesService) private readonly quotes: QuotesService,
    @Inject(TaskDefinitionsService) private readonly definitions: TaskDefinitionsService,
  ) {}

  @Post()
  @HttpCode(200)
  @RequireRole('viewer')
  @ApiOperation({ summary: 'Say what tasks would cost', description: 'By the prices of now. Nothing is made; images are not looked up.' })
  @ApiOkResponse({ standardSchema: quoteSchema, description: 'The quote.' })
  async quote(@CurrentTenant() tenantId: TenantId, @Body({ schema: quoteRequestSchema }) body: QuoteRequest) {
    const definition = body.run.definition ?? (await this.definitions.get(tenantId, body.run.taskDefinition ?? ''));
    return this.quotes.quote(tenantId, plannedOf(body, definition));
  }
}
