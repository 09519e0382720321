// Refuses options that would end in half-made things on the host.
import type { RuntimeOptions } from './options.js';

const lowestUidBase = 100_000;
const highestId = 2 ** 31;
const idsPerRange = 65_536;

/** Throws an error that says which option to change, and how. */
export function requireUsable(options: RuntimeOptions): void {
  // Interfaces are named <instance>v<slot>, and the kernel allows 15 characters.
  if (!/^[a-z0-9]{1,9}$/.test(options.instance))
    throw new Error(`the instance name ${options.instance} must be 1–9 lower-case letters or digits`);
  // It becomes part of a mount's options, where "," and ":" have a meaning.
  if (!/^\/[\w./-]*[\w-]$/.test(options.dataDirectory)) {
    throw new Error(`the data directory ${options.dataDirectory} must be an absolute path of letters, digits, ".", "_" and "-"`);
  }
  const lastId = options.uidBase + options.uidRanges * idsPerRange;
  if (options.uidBase < lowestUidBase || options.uidRanges < 1 || lastId > highestId) {
    throw new Error(
      `the user ids from ${options.uidBase}, ${options.uidRanges} ranges, must lie between ${lowestUidBase} and ${highestId}`,
    );
  }
  if (options.poolSize < 0 || options.poolSize >= options.uidRanges)
    throw new Error('the pool of sandboxes must be smaller than the number of id ranges');
  if (options.startConcurrency < 1) throw new Error('at least one container must be allowed to start at a time');
}
