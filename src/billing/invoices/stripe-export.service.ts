// Hands closed invoices to Stripe as invoice items, each once. An item has an idempotency key, so that a request may be
// repeated; and it carries its invoice's id, so that it is found again when Stripe has forgotten the key, which it does
// after a day. Off unless a key is configured.
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import Stripe from 'stripe';
import type { Config } from '../../config.js';
import { CONFIG, LOGGER } from '../../db/db.module.js';
import { BackgroundJobs } from '../../jobs/background-jobs.service.js';
import type { InvoiceHead } from './invoice-document.js';
import type { InvoiceLine } from './invoice-line.js';
import { Invoices } from './invoices.service.js';
import { type StripeExportRow, StripeExportsStore } from './stripe-exports.store.js';
import { type StripeItem, stripeItems } from './stripe-items.js';

export const stripeJob = 'hand-invoices-to-stripe';
const everyMs = 300_000;
const invoicesAtOnce = 100;
const invoiceField = 'berth_invoice';
const itemField = 'berth_item';

@Injectable()
export class StripeExport implements OnModuleInit {
  private readonly stripe: Stripe | null;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(BackgroundJobs) private readonly jobs: BackgroundJobs,
    @Inject(StripeExportsStore) private readonly exports: StripeExportsStore,
    @Inject(Invoices) private readonly invoices: Invoices,
  ) {
    this.stripe = config.invoices.stripe && connect(config.invoices.stripe);
  }

  onModuleInit(): void {
    if (this.stripe) this.jobs.add({ name: stripeJob, everyMs, run: () => this.exportAll() });
  }

  /** Goes on after an invoice that Stripe refuses: that one is tried again the next time. */
  async exportAll(): Promise<void> {
    if (!this.stripe) return;
    for (const open of await this.exports.open(invoicesAtOnce)) {
      try {
        await this.export(this.stripe, open);
      } catch (error) {
        this.logger.error({ err: error, invoiceId: open.invoiceId }, 'Stripe did not take an invoice; it will be tried again');
      }
    }
  }

  private async export(stripe: Stripe, { invoiceId, customer }: StripeExportRow): Promise<void> {
    const { head, lines } = await this.invoices.open(null, invoiceId);
    const all: InvoiceLine[] = [];
    for await (const line of lines) all.push(line);
    const taken = await this.exports.taken(invoiceId);
    const missing = stripeItems(head, all).filter(({ item }) => !taken.has(item));
    const known = missing.length > 0 ? await itemsAtStripe(stripe, customer, head) : new Map<number, string>();
    for (const one of missing) {
      const stripeId = known.get(one.item) ?? (await create(stripe, customer, head, one));
      await this.exports.keep(invoiceId, one.item, stripeId);
    }
    await this.exports.done(invoiceId);
    this.logger.info({ invoiceId, number: head.number, items: missing.length }, 'handed an invoice to Stripe');
  }
}

/** What a process that was killed had told Stripe before it could keep it. */
async function itemsAtStripe(stripe: Stripe, customer: string, head: InvoiceHead): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for await (const { id, metadata } of stripe.invoiceItems.list({ customer, limit: 100 }))
    if (metadata?.[invoiceField] === head.id) found.set(Number(metadata[itemField]), id);
  return found;
}

async function create(stripe: Stripe, customer: string, head: InvoiceHead, { item, description, amount }: StripeItem): Promise<string> {
  const { id } = await stripe.invoiceItems.create(
    {
      ...{ customer, amount, description, currency: head.currency.toLowerCase() },
      period: { start: seconds(head.startsAt), end: seconds(head.endsAt) },
      metadata: { [invoiceField]: head.id, [itemField]: String(item), berth_number: head.number ?? '' },
    },
    { idempotencyKey: `berth-${head.id}-${item}` },
  );
  return id;
}

function connect({ key, url }: { key: string; url: string | null }): Stripe {
  const base = { maxNetworkRetries: 3, timeout: 20_000, telemetry: false } as const;
  if (url === null) return new Stripe(key, base);
  const { protocol, hostname, port } = new URL(url);
  return new Stripe(key, { ...base, host: hostname, protocol: protocol === 'http:' ? 'http' : 'https', ...(port !== '' && { port }) });
}

function seconds(instant: string): number {
  return Math.floor(Date.parse(instant) / 1000);
}
