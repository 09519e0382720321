// Invoices and credit notes as the API shows them. Money and quantities are decimal strings, times are UTC.
import { z } from 'zod';
import { pageQuerySchema } from './account.js';
import { sellerSchema } from './billing-details.js';

export const invoiceStates = ['draft', 'closed'] as const;
export type InvoiceState = (typeof invoiceStates)[number];
export const invoiceKinds = ['invoice', 'creditNote'] as const;
export type InvoiceKind = (typeof invoiceKinds)[number];

const amount = z.string().describe('Decimal.');

const invoiceFields = {
  id: z.string(),
  number: z.string().nullable().describe('Consecutive and final. Null while it is a draft.'),
  kind: z.enum(invoiceKinds),
  state: z.enum(invoiceStates).describe('A draft grows with usage; a closed invoice never changes.'),
  tenantId: z.string(),
  tenant: z.string().describe('The tenant’s name.'),
  period: z.string().describe('The month, e.g. 2026-11.'),
  startsAt: z.iso.datetime(),
  endsAt: z.iso.datetime().describe('Not part of the period.'),
  timeZone: z.string(),
  currency: z.string().describe('ISO 4217.'),
  exact: amount.describe('Sum of the lines, before it is rounded to the currency’s smallest unit.'),
  subtotal: amount,
  taxName: z.string(),
  taxRate: z.string().describe('In percent.'),
  tax: amount,
  total: amount,
  priceBooks: z.array(z.string()).describe('`name:version` of each that was used.'),
  corrects: z.string().nullable().describe('Id of the invoice that a credit note is for.'),
  correctsNumber: z.string().nullable(),
  reason: z.string().nullable().describe('Why there is a credit note.'),
  createdAt: z.iso.datetime(),
  closedAt: z.iso.datetime().nullable(),
  dueAt: z.iso.datetime().nullable(),
};

export const invoiceSchema = z.object(invoiceFields).meta({ id: 'Invoice' });
export type Invoice = z.output<typeof invoiceSchema>;

export const invoiceLineSchema = z
  .object({
    kind: z.string().describe('usage, minimum, reserved, commitment, discount, credit or free.'),
    dimension: z.string().nullable().describe('cpu, memory, disk, …; null where a line is of money only.'),
    unit: z.string(),
    quantity: z.string(),
    listPrice: amount,
    price: amount,
    listAmount: amount,
    amount,
    isolation: z.string().nullable(),
    capacityTier: z.string().nullable(),
    priceBook: z.string(),
    note: z.string(),
    corrects: z.string().nullable().describe('Number of the closed invoice whose month this line corrects; null: of this month.'),
  })
  .meta({ id: 'InvoiceLine' });
export type InvoiceLineView = z.output<typeof invoiceLineSchema>;

export const buyerSchema = z
  .object({
    name: z.string(),
    address: z.array(z.string()),
    email: z.string(),
    taxId: z.string(),
    reference: z.string(),
  })
  .meta({ id: 'Buyer' });
export type Buyer = z.output<typeof buyerSchema>;

export const invoiceDetailSchema = z
  .object({
    ...invoiceFields,
    seller: sellerSchema.nullable(),
    buyer: buyerSchema,
    groupBy: z.string(),
    groups: z.array(
      z.object({
        name: z.string().nullable().describe('Null: what has no such tag, service, …'),
        label: z.string().nullable().describe('By user: the e-mail address, or the name of the API key, whose id the name is.'),
        amount: amount.describe('Sum of the group’s lines.'),
        lines: z.array(invoiceLineSchema),
      }),
    ),
  })
  .meta({ id: 'InvoiceDetail' });
export type InvoiceDetail = z.output<typeof invoiceDetailSchema>;

export const invoiceQuerySchema = z.strictObject({
  groupBy: z
    .string()
    .max(140)
    .regex(/^(service|definition|user|dimension|tag:.+)$/, 'must be service, definition, user, dimension or tag:KEY')
    .default('service')
    .describe('What lines are grouped by: service (or job), definition, user, dimension, or tag:KEY.'),
});
export type InvoiceQuery = z.output<typeof invoiceQuerySchema>;

export const invoiceListQuerySchema = pageQuerySchema.extend({ state: z.enum(invoiceStates).optional() });
export type InvoiceListQuery = z.output<typeof invoiceListQuerySchema>;

export const allInvoicesQuerySchema = invoiceListQuerySchema.extend({ tenantId: z.string().max(64).optional() });
export type AllInvoicesQuery = z.output<typeof allInvoicesQuerySchema>;

export const creditNoteSchema = z
  .strictObject({
    reference: z
      .string()
      .regex(/^[\x21-\x7e]{1,100}$/, 'must be 1–100 visible ASCII characters')
      .describe('Your name for it, e.g. a ticket’s. Sending the same reference for the same invoice again makes no second one.'),
    reason: z
      .string()
      .min(1)
      .max(300)
      .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'must have no line breaks or control characters')
      .describe('Printed on it.'),
    amount: z
      .string()
      .regex(/^\d{1,12}(\.\d{1,3})?$/, 'must be a positive amount, for example "12.50"')
      .optional()
      .describe('Before tax. Left out: all of the invoice that is not credited yet.'),
  })
  .meta({ id: 'CreateCreditNote' });
export type CreditNoteInput = z.output<typeof creditNoteSchema>;

export const closeMonthSchema = z.strictObject({ tenantId: z.string().max(64) }).meta({ id: 'CloseMonth' });

export const closedMonthsSchema = z
  .object({
    items: z.array(invoiceSchema).describe('The months that were closed by this, oldest first; those with nothing to bill are not shown.'),
  })
  .meta({ id: 'ClosedMonths' });

export const invoiceVerificationSchema = z
  .object({
    invoiceId: z.string(),
    equal: z.boolean().describe('Whether rating the raw records again gives the same bytes, and the ledger the same total.'),
    lines: z.int(),
    hash: z.string().describe('SHA-256 of the lines as they are kept.'),
    ratedAgain: z.string().describe('SHA-256 of the lines as they are rated now.'),
    differences: z.array(z.string()).describe('The first few, in words.'),
  })
  .meta({ id: 'InvoiceVerification' });
export type InvoiceVerification = z.output<typeof invoiceVerificationSchema>;
