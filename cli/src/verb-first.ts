// The options that every verb has may also stand before it, as people type them: `berth --context prod ps`.
const withValue = new Set(['--context', '-o', '--output']);

/** Moves options in front of the verb behind it. */
export function verbFirst(words: readonly string[]): string[] {
  let at = 0;
  while (withValue.has(words[at] ?? '') || [...withValue].some((option) => words[at]?.startsWith(`${option}=`))) {
    at += withValue.has(words[at] ?? '') ? 2 : 1;
  }
  const [verb, ...rest] = words.slice(at);
  return verb === undefined ? [...words] : [verb, ...words.slice(0, at), ...rest];
}
