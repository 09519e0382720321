// Who buys and who sells, for the operator.
import { type BillingDetails, isId, type Seller, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../../errors.js';
import { BillingDetailsStore, type BillingTerms } from './billing-details.store.js';
import { isTimeZone } from './billing-month.js';
import { isCurrency } from './currency.js';

const nobody: Seller = { name: '', address: [], email: '', taxId: '', bank: [], footer: '' };

@Injectable()
export class BillingDetailsService {
  constructor(@Inject(BillingDetailsStore) private readonly store: BillingDetailsStore) {}

  /** @throws ApiError not_found */
  async get(tenantId: string): Promise<BillingDetails> {
    const found = isId(tenantId) ? await this.store.find(tenantId as TenantId) : null;
    if (!found) throw notFound('tenant', tenantId);
    const { tenant: _, ...details } = found;
    return details;
  }

  /** Holds for the months that are not closed yet; a new time zone from the next month on. @throws ApiError not_found, invalid_request */
  async put(tenantId: string, terms: BillingTerms): Promise<BillingDetails> {
    if (!isTimeZone(terms.timeZone)) throw invalid('timeZone', 'must be an IANA time zone, for example Europe/Berlin');
    if (terms.currency !== null && !isCurrency(terms.currency)) throw invalid('currency', 'is no currency of ISO 4217');
    if (!isId(tenantId) || !(await this.store.put(tenantId as TenantId, terms))) throw notFound('tenant', tenantId);
    return this.get(tenantId);
  }

  async seller(): Promise<Seller> {
    return (await this.store.seller()) ?? nobody;
  }

  async putSeller(seller: Seller): Promise<Seller> {
    await this.store.putSeller(seller);
    return seller;
  }
}

function invalid(field: string, what: string): ApiError {
  return new ApiError('invalid_request', { detail: `${field} ${what}.` }, { field });
}
