// What the trail keeps of a request's body: the fields that its route names, in a size that a chain can bear. The body was
// not checked yet.
import { madeStorable } from '../storable-text.js';

const longest = 200;
const most = 40;

export function detailOf(body: unknown, fields: readonly string[]): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return {};
  const given = body as Readonly<Record<string, unknown>>;
  const named = fields.includes('*') ? Object.keys(given) : fields;
  return Object.fromEntries(
    named
      .filter((field) => Object.hasOwn(given, field))
      .slice(0, most)
      .map((field) => [cut(field), plain(given[field])]),
  );
}

function plain(value: unknown): unknown {
  if (typeof value === 'string') return cut(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.slice(0, most).map((one) => (typeof one === 'object' ? '…' : plain(one)));
  return typeof value === 'object' && value !== null ? '…' : value;
}

export function cut(text: string): string {
  return madeStorable(text.length <= longest ? text : `${text.slice(0, longest)}…`);
}
