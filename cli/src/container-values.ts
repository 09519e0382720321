// Docker's spelling of what a container is given, read into what the API takes. Every refusal says what would have been
// right; what only the API can judge (which sysctl, which capability) is left to it.
import { isSignalName, parseMemory, ulimitNames } from '@berth/contract';
import { usage } from './failure.js';

type UlimitName = (typeof ulimitNames)[number];

/** `nofile=1024:2048`, or one number for both. @throws Failure (usage) */
export function ulimit(text: string): { name: UlimitName; soft: number; hard: number } {
  const [, written = '', soft = '', hard = soft] = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(text) ?? [];
  const name = ulimitNames.find((known) => known === written);
  if (!name) return refuse('--ulimit', text, `nofile=1024 or nofile=1024:2048, with one of ${ulimitNames.join(', ')}`);
  return { name, soft: Number(soft), hard: Number(hard) };
}

/** `64m`, `1g`, `64Mi`; a plain number is MiB, as everywhere here. @throws Failure (usage) */
export function mebibytes(option: string): (text: string) => number {
  return (text) => parseMemory(text) ?? refuse(option, text, '64m, 64Mi or 1g');
}

export interface TmpfsValue {
  path: string;
  sizeMiB: number;
  mode?: string;
  uid?: number;
  gid?: number;
  exec?: boolean;
}

const defaultTmpfsMiB = 64;

/** `/run`, `/run:size=64m,mode=755,uid=0,gid=0,exec`. @throws Failure (usage) */
export function tmpfsMount(text: string): TmpfsValue {
  const colon = text.indexOf(':');
  const path = colon < 0 ? text : text.slice(0, colon);
  const words = colon < 0 ? [] : text.slice(colon + 1).split(',');
  return Object.assign({ path, sizeMiB: defaultTmpfsMiB }, ...words.map((word) => tmpfsOption(word, text)));
}

function tmpfsOption(word: string, text: string): Partial<TmpfsValue> {
  const [name = '', value = ''] = word.split('=', 2);
  const size = name === 'size' ? parseMemory(value) : null;
  if (size !== null) return { sizeMiB: size };
  if (name === 'mode' && /^[0-7]{3,4}$/.test(value)) return { mode: value.replace(/^0(?=\d{3}$)/, '') };
  if ((name === 'uid' || name === 'gid') && /^\d{1,5}$/.test(value)) return { [name]: Number(value) };
  if (word === 'exec' || word === 'noexec') return { exec: word === 'exec' };
  // What docker takes and every mount here is anyway.
  if (['rw', 'nosuid', 'nodev'].includes(word)) return {};
  return refuse('--tmpfs', text, '/run or /run:size=64m,mode=755,uid=0,gid=0,exec');
}

export type VolumeSource = { readonly volume: string } | { readonly nfs: { readonly server: string; readonly path: string } };

export interface VolumeValue {
  readonly source: VolumeSource;
  readonly containerPath: string;
  readonly readOnly?: true;
}

/** `db:/var/lib/db`, `db:/data:ro`, `nfs://files/exports/team:/team`. @throws Failure (usage) */
export function volumeMount(text: string): VolumeValue {
  const [, source = '', containerPath = '', mode = 'rw'] = /^((?:nfs:\/\/)?[^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(text) ?? [];
  const wanted = 'name:/path, name:/path:ro or nfs://server/export:/path';
  if (source === '') return refuse('--volume', text, wanted);
  if (/^[./]/.test(source))
    return refuse('--volume', text, `${wanted}; directories of the host can’t be had: "berth volume create" makes a volume`);
  const [, server, path] = /^nfs:\/\/([^/]+)(\/.*)$/.exec(source) ?? [];
  if (source.startsWith('nfs://') && !server) return refuse('--volume', text, wanted);
  return {
    source: server && path ? { nfs: { server, path } } : { volume: source },
    containerPath,
    ...(mode === 'ro' && { readOnly: true as const }),
  };
}

/** Collects `net.core.somaxconn=1024`. @throws Failure (usage) */
export function sysctl(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) refuse('--sysctl', text, 'name=value, such as net.core.somaxconn=1024');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** `db:10.0.0.1`, `db=10.0.0.1`, `db:[::1]`. @throws Failure (usage) */
export function extraHost(text: string): { hostname: string; address: string } {
  const [, hostname = '', address = ''] = /^([^:=]+)[:=](?:\[)?([0-9a-fA-F.:]+)(?:\])?$/.exec(text) ?? [];
  return hostname === '' ? refuse('--add-host', text, 'name:address, such as db:10.0.0.1') : { hostname, address };
}

/** `SIGTERM`, `term`, `15`, `RTMIN+3`. @param numbers of this system's signals. @throws Failure (usage) */
export function signalName(text: string, numbers: Readonly<Record<string, number>>): string {
  const upper = text.toUpperCase();
  const byNumber = Object.entries(numbers).find(([name, number]) => String(number) === text && isSignalName(name))?.[0];
  const name = byNumber ?? (upper.startsWith('SIG') ? upper : `SIG${upper}`);
  return isSignalName(name) ? name : refuse('--stop-signal', text, 'a signal such as SIGTERM, USR1, 15 or SIGRTMIN+3');
}

function refuse(option: string, text: string, wanted: string): never {
  throw usage(`${option} does not take "${text}".`, `It takes ${wanted}.`);
}
