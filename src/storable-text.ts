// Which text PostgreSQL can keep: none with NUL or with half of a surrogate pair.

/** With the flag `u`, \p{Cs} matches only a surrogate without its other half. */
const unstorable = /[\0\p{Cs}]/gu;

export function isStorable(text: string): boolean {
  return text.search(unstorable) < 0;
}

/** With the replacement character for what cannot be stored. */
export function madeStorable(text: string): string {
  return text.replace(unstorable, '\ufffd');
}
