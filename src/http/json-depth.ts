// How deep a JSON text is nested, read before it is parsed: what walks a parsed value calls itself once a level, and a
// text of brackets alone would exhaust the stack.

/** Counts brackets outside strings; the text need not be valid. */
export function isDeeperThan(limit: number, text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '[' || char === '{') depth++;
    else if (char === ']' || char === '}') depth--;
    if (depth > limit) return true;
  }
  return false;
}
