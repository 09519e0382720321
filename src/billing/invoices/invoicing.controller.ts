import {
  type AllInvoicesQuery,
  allInvoicesQuerySchema,
  billingDetailsSchema,
  type CreditNoteInput,
  closedMonthsSchema,
  closeMonthSchema,
  creditNoteSchema,
  type InvoiceQuery,
  invoiceDetailSchema,
  invoiceQuerySchema,
  invoiceSchema,
  invoiceVerificationSchema,
  pageSchema,
  putBillingDetailsSchema,
  putSellerSchema,
  sellerSchema,
} from '@berth/contract';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Put, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { Audited, RequireRole } from '../../accounts/caller.js';
import { BillingDetailsService } from './billing-details.service.js';
import { pdfAnswer } from './file-answers.js';
import { InvoiceFiles } from './invoice-files.service.js';
import { InvoiceVerifier } from './invoice-verification.service.js';
import { Invoices } from './invoices.service.js';
import { Invoicing } from './invoicing.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1')
export class InvoicingController {
  constructor(
    @Inject(Invoices) private readonly invoices: Invoices,
    @Inject(InvoiceFiles) private readonly files: InvoiceFiles,
    @Inject(Invoicing) private readonly invoicing: Invoicing,
    @Inject(InvoiceVerifier) private readonly verifier: InvoiceVerifier,
    @Inject(BillingDetailsService) private readonly details: BillingDetailsService,
  ) {}

  @Get('billing/invoices')
  @ApiOperation({ summary: 'List closed invoices and credit notes of all tenants, newest first' })
  @ApiOkResponse({ standardSchema: pageSchema(invoiceSchema, 'InvoicePage'), description: 'One page.' })
  listAllInvoices(@Query({ schema: allInvoicesQuerySchema }) query: AllInvoicesQuery) {
    return this.invoices.listClosed(query);
  }

  @Get('billing/invoices/:invoiceId')
  @ApiOperation({ summary: 'Show any tenant’s invoice with its lines' })
  @ApiOkResponse({ standardSchema: invoiceDetailSchema, description: 'The invoice.' })
  getAnyInvoice(@Param('invoiceId') id: string, @Query({ schema: invoiceQuerySchema }) { groupBy }: InvoiceQuery) {
    return this.invoices.detail(null, id, groupBy);
  }

  @Get('billing/invoices/:invoiceId/pdf')
  @ApiOperation({ summary: 'Any tenant’s invoice as PDF' })
  @ApiOkResponse(pdfAnswer)
  getAnyInvoicePdf(@Param('invoiceId') id: string, @Query({ schema: invoiceQuerySchema }) { groupBy }: InvoiceQuery) {
    return this.files.pdf(null, id, groupBy);
  }

  @Get('billing/invoices/:invoiceId/verification')
  @ApiOperation({
    summary: 'Prove an invoice',
    description: 'Rates its month again from the raw records, with the facts and prices of its time, and compares every byte.',
  })
  @ApiOkResponse({ standardSchema: invoiceVerificationSchema, description: 'Whether it is the same, and what is not.' })
  verifyInvoice(@Param('invoiceId') id: string) {
    return this.verifier.verify(id);
  }

  @Post('billing/invoices/:invoiceId/credit-notes')
  @Audited('*')
  @ApiOperation({ summary: 'Issue a credit note', description: 'Takes back a closed invoice, or an amount of it.' })
  @ApiCreatedResponse({ standardSchema: invoiceDetailSchema, description: 'The credit note; the same one for the same reference.' })
  @ApiConflictResponse({ description: 'The invoice is a draft, or less of it is left than that.' })
  createCreditNote(@Param('invoiceId') id: string, @Body({ schema: creditNoteSchema }) body: CreditNoteInput) {
    return this.invoicing.credit(id, body);
  }

  @Post('billing/close')
  @Audited('*')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Close the months of a tenant that are over',
    description: 'Without waiting for what may still come late: that becomes a correction in the open month.',
  })
  @ApiOkResponse({ standardSchema: closedMonthsSchema, description: 'The invoices.' })
  @ApiConflictResponse({ description: 'The month is not over, or its prices are in another currency.' })
  closeMonths(@Body({ schema: closeMonthSchema }) { tenantId }: z.output<typeof closeMonthSchema>) {
    return this.invoicing.close(tenantId);
  }

  @Get('billing/seller')
  @ApiOperation({ summary: 'Show who sells, as invoices name them' })
  @ApiOkResponse({ standardSchema: sellerSchema, description: 'The seller; empty until it is set.' })
  getSeller() {
    return this.details.seller();
  }

  @Put('billing/seller')
  @Audited('*')
  @ApiOperation({ summary: 'Set who sells', description: 'For invoices closed from now on.' })
  @ApiOkResponse({ standardSchema: sellerSchema, description: 'The seller.' })
  putSeller(@Body({ schema: putSellerSchema }) body: z.output<typeof putSellerSchema>) {
    return this.details.putSeller(body);
  }

  @Get('tenants/:tenantId/billing')
  @ApiOperation({ summary: 'Show a tenant’s billing details' })
  @ApiOkResponse({ standardSchema: billingDetailsSchema, description: 'The details.' })
  getBillingDetails(@Param('tenantId') tenantId: string) {
    return this.details.get(tenantId);
  }

  @Put('tenants/:tenantId/billing')
  @Audited('*')
  @ApiOperation({
    summary: 'Set a tenant’s billing details',
    description: 'For invoices closed from now on; a new time zone from the next month on.',
  })
  @ApiOkResponse({ standardSchema: billingDetailsSchema, description: 'The details.' })
  putBillingDetails(
    @Param('tenantId') tenantId: string,
    @Body({ schema: putBillingDetailsSchema }) body: z.output<typeof putBillingDetailsSchema>,
  ) {
    return this.details.put(tenantId, body);
  }
}
