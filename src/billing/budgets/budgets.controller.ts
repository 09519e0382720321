import {
  budgetAlertListSchema,
  budgetListSchema,
  budgetSchema,
  type CreateBudget,
  createBudgetSchema,
  type TenantId,
} from '@berth/contract';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../../accounts/caller.js';
import { Budgets } from './budgets.service.js';

@ApiTags('costs')
@Controller('v1')
export class BudgetsController {
  constructor(@Inject(Budgets) private readonly budgets: Budgets) {}

  @Post('budgets')
  @RequireRole('owner')
  @ApiOperation({ summary: 'Make a budget', description: 'Compared with the costs of the month, before credits, once a minute.' })
  @ApiCreatedResponse({ standardSchema: budgetSchema, description: 'The budget.' })
  @ApiConflictResponse({ description: 'The name is taken.' })
  createBudget(@CurrentTenant() tenantId: TenantId, @Body({ schema: createBudgetSchema }) body: CreateBudget) {
    return this.budgets.create(tenantId, body);
  }

  @Get('budgets')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List budgets, by name' })
  @ApiOkResponse({ standardSchema: budgetListSchema, description: 'All of them.' })
  async listBudgets(@CurrentTenant() tenantId: TenantId) {
    return { items: await this.budgets.list(tenantId) };
  }

  @Get('budgets/:budgetName')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'Show a budget' })
  @ApiOkResponse({ standardSchema: budgetSchema, description: 'The budget.' })
  getBudget(@CurrentTenant() tenantId: TenantId, @Param('budgetName') name: string) {
    return this.budgets.get(tenantId, name);
  }

  @Delete('budgets/:budgetName')
  @HttpCode(204)
  @RequireRole('owner')
  @ApiOperation({ summary: 'Delete a budget, with its alerts' })
  @ApiNoContentResponse({ description: 'It is gone.' })
  deleteBudget(@CurrentTenant() tenantId: TenantId, @Param('budgetName') name: string) {
    return this.budgets.delete(tenantId, name);
  }

  @Get('budget-alerts')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List what budgets have reached, newest first', description: 'The last 200, with whom they were told to.' })
  @ApiOkResponse({ standardSchema: budgetAlertListSchema, description: 'The alerts.' })
  async listBudgetAlerts(@CurrentTenant() tenantId: TenantId) {
    return { items: await this.budgets.alerts(tenantId) };
  }
}
