// Who buys and who sells, as invoices name them. The operator keeps both; each invoice keeps a copy of what held when it
// was closed.
import { z } from 'zod';

/** Written on paper: no line breaks or control characters, which could make a line look like another. */
const printed = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'must have no line breaks or control characters');

const addressLines = z.array(printed(100).min(1)).max(6);
const email = z.union([z.literal(''), z.email().max(254)]);
/** In percent, as people write it. */
const percent = z
  .string()
  .regex(/^(100(\.0{1,4})?|\d{1,2}(\.\d{1,4})?)$/, 'must be a percentage from 0 to 100, for example "19" or "8.875"');

const buyerFields = {
  legalName: printed(200).describe('Empty: the tenant’s name.'),
  address: addressLines.describe('As it is printed, line by line.'),
  email: email.describe('Where invoices are to go.'),
  taxId: printed(50),
  taxName: printed(20).describe('What the tax is called, e.g. VAT.'),
  taxRate: percent.describe('In percent. "0": no tax line.'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be a code of ISO 4217, for example EUR')
    .nullable()
    .describe('ISO 4217. Null: that of the price book. A month whose price book has another currency is not closed.'),
  timeZone: z.string().max(64).describe('IANA name, e.g. Europe/Berlin. Months begin and end there at midnight.'),
  paymentDays: z.int().min(0).max(365).describe('An invoice is due so many days after it was closed.'),
  reference: printed(100).describe('Of the buyer, e.g. a purchase order. Printed.'),
  stripeCustomer: z
    .string()
    .regex(/^cus_[A-Za-z0-9]{1,64}$/, 'must be a Stripe customer id: cus_…')
    .nullable()
    .describe('Whom Stripe bills, where invoices are handed to Stripe. Null: this tenant’s are not.'),
};

/** Replaces all of them: what is left out gets its default. */
export const putBillingDetailsSchema = z.strictObject({
  ...buyerFields,
  legalName: buyerFields.legalName.default(''),
  address: buyerFields.address.default([]),
  email: buyerFields.email.default(''),
  taxId: buyerFields.taxId.default(''),
  taxName: buyerFields.taxName.default('VAT'),
  taxRate: buyerFields.taxRate.default('0'),
  currency: buyerFields.currency.default(null),
  timeZone: buyerFields.timeZone.default('UTC'),
  paymentDays: buyerFields.paymentDays.default(30),
  reference: buyerFields.reference.default(''),
  stripeCustomer: buyerFields.stripeCustomer.default(null),
});

export const billingDetailsSchema = z.object({ tenantId: z.string(), ...buyerFields }).meta({ id: 'BillingDetails' });
export type BillingDetails = z.output<typeof billingDetailsSchema>;

const sellerFields = {
  name: printed(200),
  address: addressLines,
  email,
  taxId: printed(50),
  bank: z.array(printed(100).min(1)).max(6).describe('Where to pay, line by line.'),
  footer: printed(300).describe('At the foot of each page, e.g. the register entry.'),
};

/** Replaces all of them: what is left out is empty. */
export const putSellerSchema = z.strictObject({
  ...sellerFields,
  name: sellerFields.name.min(1),
  address: addressLines.default([]),
  email: email.default(''),
  taxId: sellerFields.taxId.default(''),
  bank: sellerFields.bank.default([]),
  footer: sellerFields.footer.default(''),
});

export const sellerSchema = z.object(sellerFields).meta({ id: 'Seller' });
export type Seller = z.output<typeof sellerSchema>;
