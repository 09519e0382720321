// What is agreed with a tenant about its bills: its prices, and on top of them commitments, reservations and credits.
// Operators agree to it; the tenant reads it. Money is decimal strings in the currency of the tenant's price book.
import { z } from 'zod';
import { isolationTiers } from './isolation.js';
import { capacityTiers } from './placement.js';
import { agreedTimeSchema, percentSchema, priceAgreementSchema, priceBookSchema } from './price-book.js';

export const contractTermKinds = ['commitment', 'reservation', 'credit'] as const;
export type ContractTermKind = (typeof contractTermKinds)[number];

/** Of each tenant, those that have ended not counted. */
export const contractTermsAtMost = 200;
const reservedAtMost = { cpuMillis: 100_000_000, memoryMiB: 1_000_000_000, gpus: 100_000 } as const;

const money = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,6})?$/, 'must be a decimal number such as 250 or 0.75')
  .refine((text) => /[1-9]/.test(text), 'must be more than 0');

const name = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'must have no line breaks or control characters')
  .describe('Printed on invoices. Of one tenant, no two of a kind have the same: sending the same again makes no second one.');

const startsAt = agreedTimeSchema.optional();
const byTheHour = 'Rounded up to a full hour of the tenant’s time zone.';
const commitment = { amountPerHour: money.describe('Paid for every hour, used or not.'), discountPercent: percentSchema };
const reservation = {
  isolation: z.enum(isolationTiers),
  capacityTier: z.enum(capacityTiers),
  cpuMillis: z.int().min(0).max(reservedAtMost.cpuMillis),
  memoryMiB: z.int().min(0).max(reservedAtMost.memoryMiB),
  gpus: z.int().min(0).max(reservedAtMost.gpus),
  discountPercent: percentSchema,
};

export const createCommitmentSchema = z
  .strictObject({
    name,
    startsAt: startsAt.describe(`${byTheHour} Default: now. Not before the tenant’s open month.`),
    endsAt: agreedTimeSchema.describe(byTheHour),
    amountPerHour: commitment.amountPerHour,
    discountPercent: percentSchema.describe('Off the prices of what it buys.'),
  })
  .meta({ id: 'CreateCommitment' });
export type CreateCommitment = z.output<typeof createCommitmentSchema>;

export const createReservationSchema = z
  .strictObject({
    name,
    startsAt: startsAt.describe(`${byTheHour} Default: now. Not before the tenant’s open month.`),
    endsAt: agreedTimeSchema.describe(byTheHour),
    isolation: reservation.isolation.default('container'),
    capacityTier: reservation.capacityTier.default('guaranteed').describe('Usage of this tier is covered by it.'),
    cpuMillis: reservation.cpuMillis.default(0),
    memoryMiB: reservation.memoryMiB.default(0),
    gpus: reservation.gpus.default(0),
    discountPercent: percentSchema.default('0').describe('Off the prices of the book.'),
  })
  .refine(({ cpuMillis, memoryMiB, gpus }) => cpuMillis + memoryMiB + gpus > 0, { path: ['cpuMillis'], message: 'nothing is reserved' })
  .meta({ id: 'CreateReservation' });
export type CreateReservation = z.output<typeof createReservationSchema>;

export const createCreditSchema = z
  .strictObject({
    name,
    startsAt: startsAt.describe('Counts for the month that this is in, and later ones. Default: now. Not before the tenant’s open month.'),
    endsAt: agreedTimeSchema
      .nullable()
      .default(null)
      .describe('Counts for the month that this is in, and no later one. Null: until it is used up.'),
    amount: money,
  })
  .meta({ id: 'CreateCredit' });
export type CreateCredit = z.output<typeof createCreditSchema>;

const span = {
  id: z.string(),
  name: z.string(),
  startsAt: z.iso.datetime(),
  endsAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
};

export const commitmentSchema = z
  .object({ kind: z.literal('commitment'), ...span, amountPerHour: z.string(), discountPercent: z.string() })
  .meta({ id: 'Commitment' });
export type CommitmentView = z.output<typeof commitmentSchema>;

export const reservationSchema = z.object({ kind: z.literal('reservation'), ...span, ...reservation }).meta({ id: 'Reservation' });
export type ReservationView = z.output<typeof reservationSchema>;

export const creditSchema = z
  .object({
    kind: z.literal('credit'),
    ...span,
    amount: z.string(),
    left: z.string().describe('What closed months have not used of it.'),
    uses: z.array(z.object({ monthStartsAt: z.iso.datetime(), amount: z.string() })).describe('By closed months, oldest first.'),
  })
  .meta({ id: 'Credit' });
export type CreditView = z.output<typeof creditSchema>;

export const contractTermSchema = z.union([commitmentSchema, reservationSchema, creditSchema]).meta({ id: 'ContractTerm' });
export type ContractTermView = z.output<typeof contractTermSchema>;

export const endContractTermSchema = z
  .strictObject({
    endsAt: agreedTimeSchema.optional().describe('Default: now. Earlier than it would end, and not before the tenant’s open month.'),
  })
  .meta({ id: 'EndContractTerm' });
export type EndContractTerm = z.output<typeof endContractTermSchema>;

export const contractSchema = z
  .object({
    currency: z.string(),
    timeZone: z.string(),
    books: z
      .array(z.object({ from: z.iso.datetime(), book: priceBookSchema }))
      .describe('The prices that hold now, and those that are to follow, with the tenant’s own merged into them.'),
    prices: z.array(priceAgreementSchema).describe('Which book from when on, oldest first. None: the book `default`.'),
    commitments: z.array(commitmentSchema),
    reservations: z.array(reservationSchema),
    credits: z.array(creditSchema),
  })
  .meta({ id: 'Contract' });
export type ContractView = z.output<typeof contractSchema>;
