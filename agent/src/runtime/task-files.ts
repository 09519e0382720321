// The files of /etc that tell a task's containers where they are: hosts, hostname and resolv.conf.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from './records.js';

const hostResolvers = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
const maxNameservers = 3;

export function writeTaskFiles(directory: string, hostname: string, address: string): void {
  mkdirSync(directory, { recursive: true });
  const resolvers = hostResolvers.map((file) => readIfThere(file) ?? '');
  writeFileSync(join(directory, 'hosts'), `127.0.0.1\tlocalhost\n${address}\t${hostname}\n`);
  writeFileSync(join(directory, 'hostname'), `${hostname}\n`);
  writeFileSync(join(directory, 'resolv.conf'), resolverText(resolvers));
}

/**
 * The first of the host's resolver files that names a server a task can reach: a stub on the host's own loopback
 * (systemd-resolved) is not one. IPv6 servers count for nothing, since tasks have IPv4 only.
 */
export function resolverText(files: readonly string[]): string {
  for (const text of files) {
    const lines = text.split('\n').map((line) => line.trim());
    const servers = lines.filter((line) => /^nameserver\s+\d+\.\d+\.\d+\.\d+$/.test(line) && !/^nameserver\s+(127\.|0\.)/.test(line));
    if (servers.length === 0) continue;
    const rest = lines.filter((line) => /^(search|options)\s/.test(line));
    return `${[...servers.slice(0, maxNameservers), ...rest].join('\n')}\n`;
  }
  return '# This host has no name server that tasks can reach.\n';
}
