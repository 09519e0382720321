// One journal entry as one line: a CRC-32 of the JSON in eight hex digits, a blank, the JSON. JSON.stringify puts no
// line feed into its output, so a line is an entry or it is torn.
import { crc32 } from 'node:zlib';
import type { Entry } from './entries.js';
import { withSpecDefaults } from './spec-defaults.js';

export function encodeEntry(entry: Entry): string {
  const json = JSON.stringify(entry);
  return `${checksum(json)} ${json}\n`;
}

/**
 * Reads what a journal holds. Lines that don't match their checksum are left out and counted: the last ones are torn
 * by a power cut in the middle of a write, whose entries nobody was promised.
 */
export function decodeEntries(text: string): { entries: Entry[]; damagedLines: number } {
  const entries: Entry[] = [];
  let damagedLines = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const json = line.slice(9);
    if (line[8] === ' ' && line.slice(0, 8) === checksum(json)) entries.push(withSpecDefaults(JSON.parse(json) as Entry));
    else damagedLines += 1;
  }
  return { entries, damagedLines };
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}
