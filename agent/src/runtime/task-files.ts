// The files of /etc that tell a task's containers where they are: hosts, hostname and resolv.conf.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { searchDomains } from '../guest/names.js';
import { readIfThere } from './records.js';

const hostResolvers = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
/** resolv.conf(5): what libraries read at least. */
const mostSearchDomains = 6;

/** @param nameServer the agent's own, which asks the host's. */
export function writeTaskFiles(directory: string, hostname: string, address: string, nameServer: string): void {
  mkdirSync(directory, { recursive: true });
  const files = hostResolvers.map((file) => readIfThere(file) ?? '');
  writeFileSync(join(directory, 'hosts'), `127.0.0.1\tlocalhost\n${address}\t${hostname}\n`);
  writeFileSync(join(directory, 'hostname'), `${hostname}\n`);
  writeFileSync(join(directory, 'resolv.conf'), resolverText(nameServer, files));
}

/**
 * The platform's domains come first, then those that the host searches. With `ndots:2` a name of two parts, as `web.task`,
 * is looked for among the platform's own before anybody outside is asked for it.
 * @param files the host's; the first that searches anything counts.
 */
export function resolverText(nameServer: string, files: readonly string[]): string {
  const searched = files.map(searchedIn).find((domains) => domains.length > 0) ?? [];
  const domains = [...new Set([...searchDomains, ...searched])].slice(0, mostSearchDomains);
  return `nameserver ${nameServer}\nsearch ${domains.join(' ')}\noptions ndots:2\n`;
}

/** The last line of its kind counts. */
function searchedIn(resolvConf: string): string[] {
  const lines = resolvConf.split('\n').flatMap((line) => /^\s*(?:search|domain)\s+(.*)$/.exec(line)?.[1] ?? []);
  return (lines.at(-1) ?? '').split(/\s+/).filter((domain) => /^[\w-]+(\.[\w-]+)*\.?$/.test(domain));
}
