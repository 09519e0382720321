// Commitments and reservations as FOCUS 1.2 calls them: commitment discounts. A commitment is paid as it is used, hour by hour,
// and what is left of it as unused. A reservation is a purchase, which itself costs nothing in effect: its cost is that of
// the usage that it covers, and of what stays unused.
import { Exact, round } from '../money.js';
import type { FocusColumn } from './focus-columns.js';
import type { InvoiceHead } from './invoice-document.js';
import type { InvoiceLine } from './invoice-line.js';

type Values = Partial<Record<FocusColumn, string | null>>;

interface Reserved {
  readonly line: InvoiceLine;
  covered: Exact;
  effective: Exact;
}

export interface Unused {
  readonly line: InvoiceLine;
  readonly quantity: string;
  readonly effective: string;
}

const prefixes = { commitment: 'commitment: ', reservation: 'reserved: ' } as const;
const unusedSuffix = ', not used';

/** What an invoice's reservations cost those that they cover. Told all reserved lines before any covered one is asked about. */
export class ReservedCosts {
  private readonly byKey = new Map<string, Reserved>();

  tell(line: InvoiceLine): void {
    if (line.kind === 'reserved' && line.corrects === null)
      this.byKey.set(keyOf(line), { line, covered: new Exact(0), effective: new Exact(0) });
  }

  /** What covered usage costs in effect. Null: no reservation of this invoice covers it. */
  cover(line: InvoiceLine): string | null {
    const reserved = line.kind === 'free' && line.corrects === null ? this.byKey.get(keyOf(line)) : undefined;
    if (!reserved) return null;
    const effective = round(new Exact(line.quantity).times(reserved.line.price));
    reserved.covered = reserved.covered.plus(line.quantity);
    reserved.effective = reserved.effective.plus(effective);
    return effective.toFixed();
  }

  /** After all covered lines: what nothing used. */
  unused(): Unused[] {
    return [...this.byKey.values()].flatMap(({ line, covered, effective }) => {
      const quantity = new Exact(line.quantity).minus(covered);
      return quantity.lte(0) ? [] : [{ line, quantity: quantity.toFixed(), effective: new Exact(line.amount).minus(effective).toFixed() }];
    });
  }
}

/** Columns of a line that has to do with a commitment or a reservation; none for others. */
export function commitmentColumns({ tenantId, currency, kind: document }: InvoiceHead, line: InvoiceLine, unit: string): Values {
  const { kind, note, dimension } = line;
  const kindOf = note.startsWith(prefixes.commitment) ? 'commitment' : note.startsWith(prefixes.reservation) ? 'reservation' : null;
  if (kindOf === null) return {};
  const whole = note.slice(prefixes[kindOf].length);
  const name = kind === 'commitment' && whole.endsWith(unusedSuffix) ? whole.slice(0, -unusedSuffix.length) : whole;
  const isCorrection = line.corrects !== null || document === 'creditNote';
  const spend = kindOf === 'commitment';
  // Not rounded, for it must not be nothing.
  const spent = new Exact(line.quantity).times(line.price).toFixed();
  const status = kind === 'commitment' ? 'Unused' : 'Used';
  return {
    CommitmentDiscountCategory: spend ? 'Spend' : 'Usage',
    // One unit for each, so each dimension of a reservation is one.
    CommitmentDiscountId: [tenantId, kindOf, name, ...(spend ? [] : [dimension])].join('/'),
    CommitmentDiscountName: name,
    CommitmentDiscountType: spend ? 'Commitment' : 'Reservation',
    CommitmentDiscountStatus: kind === 'reserved' ? null : status,
    CommitmentDiscountQuantity: isCorrection ? null : spend ? spent : line.quantity,
    CommitmentDiscountUnit: isCorrection ? null : spend ? currency : unit,
  };
}

function keyOf({ note, dimension, isolation, capacityTier, priceBook }: InvoiceLine): string {
  return JSON.stringify([note, dimension, isolation, capacityTier, priceBook]);
}
