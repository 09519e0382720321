// The fonts of a PDF, and which of them has a character. The font comes in parts by script; a text that mixes them is cut
// into runs. What none of them has becomes a visible mark, never a wrong letter.

/** In the order in which they are asked. The files of @fontsource/noto-sans are named so. */
export const scripts = ['latin', 'latin-ext', 'greek', 'cyrillic'] as const;
export type Script = (typeof scripts)[number];

const ranges: Readonly<Record<Script, RegExp>> = {
  latin: /[\u0020-\u00ff\u0131\u0152\u0153\u02bb\u02bc\u02c6\u02da\u02dc\u2000-\u206f\u20ac\u2122\u2191\u2193\u2212\u2215]/,
  'latin-ext': /[\u0100-\u02ba\u1e00-\u1e9f\u1ef2-\u1eff\u2020\u20a0-\u20ab\u20ad-\u20c0\u2113]/,
  greek: /[\u0370-\u03ff]/,
  cyrillic: /[\u0400-\u045f\u0490\u0491\u04b0\u04b1\u2116]/,
};
export const missing = '?';

export interface Run {
  readonly script: Script;
  readonly text: string;
}

export function runsOf(text: string): Run[] {
  const runs: { script: Script; text: string }[] = [];
  for (const given of text.normalize('NFC')) {
    const script = scripts.find((one) => ranges[one].test(given));
    const [character, of] = script ? [given, script] : [missing, 'latin' as const];
    const last = runs.at(-1);
    if (last?.script === of) last.text += character;
    else runs.push({ script: of, text: character });
  }
  return runs;
}
