import {
  type InvoiceListQuery,
  type InvoiceQuery,
  invoiceDetailSchema,
  invoiceListQuerySchema,
  invoiceQuerySchema,
  invoiceSchema,
  pageSchema,
  type TenantId,
} from '@berth/contract';
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../../accounts/caller.js';
import { csvAnswer, pdfAnswer } from './file-answers.js';
import { InvoiceFiles } from './invoice-files.service.js';
import { Invoices } from './invoices.service.js';

@ApiTags('invoices')
@RequireRole('viewer')
@Controller('v1/invoices')
export class InvoicesController {
  constructor(
    @Inject(Invoices) private readonly invoices: Invoices,
    @Inject(InvoiceFiles) private readonly files: InvoiceFiles,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List invoices and credit notes', description: 'Newest first. The open month is a draft, as it is so far.' })
  @ApiOkResponse({ standardSchema: pageSchema(invoiceSchema, 'InvoicePage'), description: 'One page.' })
  listInvoices(@CurrentTenant() tenant: TenantId, @Query({ schema: invoiceListQuerySchema }) query: InvoiceListQuery) {
    return this.invoices.list(tenant, query);
  }

  @Get(':invoiceId')
  @ApiOperation({ summary: 'Show an invoice with its lines', description: 'Grouped by service, definition, user, dimension or a tag.' })
  @ApiOkResponse({ standardSchema: invoiceDetailSchema, description: 'The invoice.' })
  getInvoice(
    @CurrentTenant() tenant: TenantId,
    @Param('invoiceId') id: string,
    @Query({ schema: invoiceQuerySchema }) { groupBy }: InvoiceQuery,
  ) {
    return this.invoices.detail(tenant, id, groupBy);
  }

  @Get(':invoiceId/pdf')
  @ApiOperation({ summary: 'An invoice as PDF' })
  @ApiOkResponse(pdfAnswer)
  getInvoicePdf(
    @CurrentTenant() tenant: TenantId,
    @Param('invoiceId') id: string,
    @Query({ schema: invoiceQuerySchema }) { groupBy }: InvoiceQuery,
  ) {
    return this.files.pdf(tenant, id, groupBy);
  }

  @Get(':invoiceId/csv')
  @ApiOperation({ summary: 'Every line of an invoice as CSV', description: 'Exact, with definition, service, tags and user.' })
  @ApiOkResponse(csvAnswer)
  getInvoiceCsv(@CurrentTenant() tenant: TenantId, @Param('invoiceId') id: string) {
    return this.files.csv(tenant, id);
  }

  @Get(':invoiceId/focus')
  @ApiOperation({ summary: 'An invoice in the form of FOCUS 1.2', description: 'CSV, one row a charge; all rows come to the total.' })
  @ApiOkResponse(csvAnswer)
  getInvoiceFocus(@CurrentTenant() tenant: TenantId, @Param('invoiceId') id: string) {
    return this.files.focus(tenant, id);
  }
}
