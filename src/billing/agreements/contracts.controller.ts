import {
  type CreateCommitment,
  type CreateCredit,
  type CreateReservation,
  commitmentSchema,
  contractSchema,
  contractTermSchema,
  createCommitmentSchema,
  createCreditSchema,
  createReservationSchema,
  creditSchema,
  type EndContractTerm,
  endContractTermSchema,
  reservationSchema,
  type SetPrices,
  setPricesSchema,
  type TenantId,
} from '@berth/contract';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Audited, CurrentTenant, RequireRole } from '../../accounts/caller.js';
import { Tenants } from '../../accounts/tenants.service.js';
import { ContractTerms } from './contract-terms.service.js';
import { TenantPrices } from './tenant-prices.service.js';

const repeatable = 'Sending the same again makes no second one.';

@ApiTags('contracts')
@Controller('v1')
export class ContractsController {
  constructor(
    @Inject(Tenants) private readonly tenants: Tenants,
    @Inject(TenantPrices) private readonly prices: TenantPrices,
    @Inject(ContractTerms) private readonly terms: ContractTerms,
  ) {}

  @Get('contract')
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'What is agreed about your bills',
    description: 'Prices of now and to come, commitments, reservations and credits.',
  })
  @ApiOkResponse({ standardSchema: contractSchema, description: 'The contract.' })
  getContract(@CurrentTenant() tenantId: TenantId) {
    return this.prices.contract(tenantId);
  }

  @Get('tenants/:tenantId/contract')
  @RequireRole('operator')
  @ApiOperation({ summary: 'What is agreed with a tenant' })
  @ApiOkResponse({ standardSchema: contractSchema, description: 'The contract.' })
  async getTenantContract(@Param('tenantId') tenantId: string) {
    return this.prices.contract(await this.tenants.idOf(tenantId));
  }

  @Post('tenants/:tenantId/prices')
  @HttpCode(200)
  @RequireRole('operator')
  @Audited('*')
  @ApiOperation({
    summary: 'Give a tenant a price book, prices of its own, or a discount',
    description: 'From a time on; in place of what was agreed for the same instant. Closed months stay as they are.',
  })
  @ApiOkResponse({ standardSchema: contractSchema, description: 'The contract.' })
  @ApiConflictResponse({ description: 'It would mix currencies.' })
  async setTenantPrices(@Param('tenantId') tenantId: string, @Body({ schema: setPricesSchema }) body: SetPrices) {
    return this.prices.set(await this.tenants.idOf(tenantId), body);
  }

  @Post('tenants/:tenantId/commitments')
  @RequireRole('operator')
  @Audited('*')
  @ApiOperation({
    summary: 'Agree to a commitment',
    description: `An amount paid for every hour, that buys usage at a discount. ${repeatable}`,
  })
  @ApiCreatedResponse({ standardSchema: commitmentSchema, description: 'The commitment.' })
  @ApiConflictResponse({ description: 'The tenant has another of this name.' })
  async createCommitment(@Param('tenantId') tenantId: string, @Body({ schema: createCommitmentSchema }) body: CreateCommitment) {
    return this.terms.agree(await this.tenants.idOf(tenantId), 'commitment', body);
  }

  @Post('tenants/:tenantId/reservations')
  @RequireRole('operator')
  @Audited('*')
  @ApiOperation({
    summary: 'Agree to a reservation',
    description: `Capacity billed whether used or not, that covers usage of its tiers. Placement sets it aside by a capacity group. ${repeatable}`,
  })
  @ApiCreatedResponse({ standardSchema: reservationSchema, description: 'The reservation.' })
  @ApiConflictResponse({ description: 'The tenant has another of this name.' })
  async createReservation(@Param('tenantId') tenantId: string, @Body({ schema: createReservationSchema }) body: CreateReservation) {
    return this.terms.agree(await this.tenants.idOf(tenantId), 'reservation', body);
  }

  @Post('tenants/:tenantId/credits')
  @RequireRole('operator')
  @Audited('*')
  @ApiOperation({ summary: 'Grant a credit', description: `Money that bills use up before anything is to be paid. ${repeatable}` })
  @ApiCreatedResponse({ standardSchema: creditSchema, description: 'The credit.' })
  @ApiConflictResponse({ description: 'The tenant has another of this name.' })
  async createCredit(@Param('tenantId') tenantId: string, @Body({ schema: createCreditSchema }) body: CreateCredit) {
    return this.terms.agree(await this.tenants.idOf(tenantId), 'credit', body);
  }

  @Post('tenants/:tenantId/contract-terms/:termId/end')
  @HttpCode(200)
  @RequireRole('operator')
  @Audited('*')
  @ApiOperation({ summary: 'End a commitment, reservation or credit', description: 'Closed months stay as they are.' })
  @ApiOkResponse({ standardSchema: contractTermSchema, description: 'It, with its new end.' })
  async endContractTerm(
    @Param('tenantId') tenantId: string,
    @Param('termId') id: string,
    @Body({ schema: endContractTermSchema }) body: EndContractTerm,
  ) {
    return this.terms.end(await this.tenants.idOf(tenantId), id, body);
  }

  @Delete('tenants/:tenantId/contract-terms/:termId')
  @RequireRole('operator')
  @ApiOperation({ summary: 'Take back a commitment, reservation or credit', description: 'As if it had never been agreed.' })
  @ApiOkResponse({ standardSchema: contractTermSchema, description: 'What is gone.' })
  @ApiConflictResponse({ description: 'A closed month has counted it.' })
  async deleteContractTerm(@Param('tenantId') tenantId: string, @Param('termId') id: string) {
    return this.terms.delete(await this.tenants.idOf(tenantId), id);
  }
}
