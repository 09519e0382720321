// The columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification, https://focus.finops.org/focus-specification/v1-2/):
// all that are mandatory, and of the others those that Berth knows something about. Columns of our own begin with `x_`.

export const focusColumns = [
  ...['BilledCost', 'BillingAccountId', 'BillingAccountName', 'BillingAccountType', 'BillingCurrency', 'BillingPeriodEnd'],
  ...['BillingPeriodStart', 'ChargeCategory', 'ChargeClass', 'ChargeDescription', 'ChargeFrequency', 'ChargePeriodEnd'],
  ...['ChargePeriodStart', 'CommitmentDiscountCategory', 'CommitmentDiscountId', 'CommitmentDiscountName', 'CommitmentDiscountQuantity'],
  ...['CommitmentDiscountStatus', 'CommitmentDiscountType', 'CommitmentDiscountUnit', 'ConsumedQuantity', 'ConsumedUnit'],
  ...['ContractedCost', 'ContractedUnitPrice', 'EffectiveCost', 'InvoiceId'],
  ...['InvoiceIssuerName', 'ListCost', 'ListUnitPrice', 'PricingCategory', 'PricingQuantity', 'PricingUnit', 'ProviderName'],
  ...['PublisherName', 'ResourceId', 'ResourceName', 'ResourceType', 'ServiceCategory', 'ServiceName', 'ServiceSubcategory'],
  ...['SkuId', 'SkuMeter', 'SkuPriceId', 'Tags'],
  ...['x_PriceBook', 'x_Service', 'x_User'],
] as const;

export type FocusColumn = (typeof focusColumns)[number];
/** Null: the column is empty in this row. */
export type FocusRow = Readonly<Record<FocusColumn, string | null>>;
