// The files of /etc of a container that asks for more than its task's: a host name, hosts or name servers of its own.
// Most ask for nothing, and share those that task-files.ts has written.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerSpec } from '@berth/contract';

type Asked = Pick<ContainerSpec, 'hostname' | 'extraHosts' | 'dns'>;

export interface EtcFiles {
  readonly hosts: string;
  readonly hostname: string;
  readonly 'resolv.conf': string;
}

const names = ['hosts', 'hostname', 'resolv.conf'] as const;

/** @returns the directory whose files the container is to be given: the task's, or `own`, which is then written. */
export function writeContainerFiles(shared: string, own: string, container: Asked, address: string): string {
  if (!asksForMore(container)) return shared;
  const files = etcFiles(
    { hosts: read(shared, 'hosts'), hostname: read(shared, 'hostname'), 'resolv.conf': read(shared, 'resolv.conf') },
    container,
    address,
  );
  mkdirSync(own, { recursive: true, mode: 0o755 });
  for (const name of names) writeFileSync(join(own, name), files[name]);
  return own;
}

function asksForMore({ hostname, extraHosts, dns }: Asked): boolean {
  return hostname !== null || extraHosts.length + dns.servers.length + dns.search.length + dns.options.length > 0;
}

/** @param task what the task's containers share. */
export function etcFiles(task: EtcFiles, { hostname, extraHosts, dns }: Asked, address: string): EtcFiles {
  const [short] = hostname?.split('.') ?? [];
  const own = hostname === null ? [] : [`${address}\t${hostname}${short === hostname ? '' : ` ${short}`}`];
  const lines = [...own, ...extraHosts.map((host) => `${host.address}\t${host.hostname}`)];
  return {
    hosts: `${task.hosts}${lines.map((line) => `${line}\n`).join('')}`,
    hostname: hostname === null ? task.hostname : `${hostname}\n`,
    'resolv.conf': resolverText(task['resolv.conf'], dns),
  };
}

/** What is asked for replaces lines of its kind, and leaves the others: as `docker run --dns` does. */
function resolverText(text: string, { servers, search, options }: ContainerSpec['dns']): string {
  const replacing: readonly (readonly [RegExp, readonly string[]])[] = [
    [/^nameserver\s/, servers.map((server) => `nameserver ${server}`)],
    [/^(search|domain)\s/, search.length > 0 ? [`search ${search.join(' ')}`] : []],
    [/^options\s/, options.length > 0 ? [`options ${options.join(' ')}`] : []],
  ];
  const lines = text.split('\n').filter((line) => line !== '');
  const kept = lines.filter((line) => !replacing.some(([kind, own]) => own.length > 0 && kind.test(line)));
  return `${[...replacing.flatMap(([, own]) => own), ...kept].join('\n')}\n`;
}

function read(directory: string, name: string): string {
  return readFileSync(join(directory, name), 'utf8');
}
