// From what people type to a host: its name, its id, or an unambiguous beginning of that.
import type { Host } from '@berth/contract';
import { Failure } from './failure.js';

/** A name goes before the beginning of an id. @throws Failure when nothing, or more than one host, fits. */
export function findHost(text: string, hosts: readonly Host[]): Host {
  const named = hosts.filter(({ name }) => name === text);
  const fitting = named.length > 0 ? named : hosts.filter(({ id }) => text !== '' && id.startsWith(text.toLowerCase()));
  const [host, second] = fitting;
  if (!host) throw new Failure(`There is no host "${text}".`, { hint: '"berth host ls" lists them.' });
  if (second) {
    const some = fitting.slice(0, 3).map(({ id }) => id.slice(0, 13));
    throw new Failure(`"${text}" fits more than one host: ${some.join(', ')}${fitting.length > 3 ? ' …' : ''}.`, { hint: 'Use its id.' });
  }
  return host;
}
