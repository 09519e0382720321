// How much of which credit a month's lines took. Lines name credits; of several with one name, the one that ends first was
// taken first, as rating does.
import { Exact } from '../money.js';
import type { Credit } from '../tenant-contract.js';
import type { InvoiceLine } from './invoice-line.js';

export interface CreditUse {
  readonly creditId: string;
  readonly amount: string;
}

export function creditUses(lines: readonly InvoiceLine[], credits: readonly Credit[]): CreditUse[] {
  const unused = [...credits].sort((a, b) => (a.untilMs ?? Number.MAX_SAFE_INTEGER) - (b.untilMs ?? Number.MAX_SAFE_INTEGER));
  return lines
    .filter(({ kind, corrects }) => kind === 'credit' && corrects === null)
    .map(({ note, amount }) => {
      const used = new Exact(amount).negated();
      const at = unused.findIndex((credit) => note === `credit: ${credit.name}` && used.lte(credit.amount));
      const [credit] = at < 0 ? [] : unused.splice(at, 1);
      if (!credit) throw new Error(`No credit of the contract has the line “${note}”.`);
      return { creditId: credit.id, amount: used.toFixed() };
    });
}
