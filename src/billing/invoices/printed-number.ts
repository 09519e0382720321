// Numbers as an invoice prints them: `1,234.50`. Exact values are in the API and in CSV.
import { Exact } from '../money.js';

/** With so many digits after the point; `−0.00` is `0.00`. */
export function printed(decimal: string, digits: number): string {
  const rounded = new Exact(decimal).toDecimalPlaces(digits);
  return withCommas((rounded.isZero() ? rounded.abs() : rounded).toFixed(digits));
}

/** A price as it is, with two digits after the point or as many as it has. */
export function printedPrice(decimal: string): string {
  const price = new Exact(decimal);
  return withCommas(price.toFixed(Math.max(2, Math.min(12, price.decimalPlaces()))));
}

function withCommas(text: string): string {
  const [whole = '', part] = text.replace('-', '').split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return `${text.startsWith('-') ? '−' : ''}${grouped}${part === undefined ? '' : `.${part}`}`;
}
