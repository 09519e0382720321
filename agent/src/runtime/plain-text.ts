// Text from outside (registries, images, programs), made fit to be shown on a terminal and in one line.

/** Without control characters and cut to a length. */
export function plainText(text: string, maxLength: number): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, maxLength);
}
