// The options of `berth run` that say what the container finds inside, in docker's spelling, and what the API takes for
// them. Values are read in container-values.ts.
import { constants } from 'node:os';
import type { TaskDefinitionInput } from '@berth/contract';
import { limits } from '@berth/contract';
import type { Command } from 'commander';
import {
  extraHost,
  mebibytes,
  signalName,
  sysctl,
  tmpfsMount,
  ulimit,
  type VolumeSource,
  type VolumeValue,
  volumeMount,
} from './container-values.js';
import { durationOption, keyValue, wholeNumber } from './option-values.js';

type Container = TaskDefinitionInput['containers'][number];
type Item<T> = NonNullable<T> extends readonly (infer I)[] ? I : never;

export interface ContainerOptions {
  readonly hostname?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly tty?: boolean;
  readonly ulimit?: readonly Item<Container['ulimits']>[];
  readonly tmpfs?: readonly Item<Container['tmpfs']>[];
  readonly volume?: readonly VolumeValue[];
  readonly shmSize?: number;
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly addHost?: readonly Item<Container['extraHosts']>[];
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOption?: readonly string[];
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  /** False with --no-init. */
  readonly init?: boolean;
  readonly stopSignal?: string;
  readonly delegateCgroup?: boolean;
  /** Milliseconds. */
  readonly startTimeout?: number;
  readonly cpuBurst?: boolean;
  readonly blkioWeight?: number;
  readonly pidsLimit?: number;
}

/** -h is the host name here, as in docker; help is --help. */
export function addContainerOptions(command: Command): Command {
  const several =
    <T>(read: (text: string) => T) =>
    (text: string, before: readonly T[] = []) => [...before, read(text)];
  const asIs = several((text) => text);
  const upperCase = several((text) => text.toUpperCase());
  const { blockIoWeight, pids } = limits;
  return command
    .helpOption('--help', 'show this')
    .option('-h, --hostname <name>', 'host name of the container')
    .option('--label <key=value>', 'a label of the container; may be given again', keyValue('--label'))
    .option('-t, --tty', 'a terminal as its standard input and output')
    .option('--ulimit <name=soft[:hard]>', 'for example nofile=1024:2048; -1 is unlimited', several(ulimit))
    .option('--tmpfs <path[:options]>', 'a directory in memory: /run:size=64m,mode=755,uid=0,gid=0,exec', several(tmpfsMount))
    .option('-v, --volume <name:path[:ro]>', 'a persistent volume, or nfs://server/export:/path', several(volumeMount))
    .option('--shm-size <size>', 'of /dev/shm (default 64m)', mebibytes('--shm-size'))
    .option('--sysctl <name=value>', 'a kernel setting of the container’s own', sysctl)
    .option('--add-host <name:address>', 'a further line of /etc/hosts', several(extraHost))
    .option('--dns <address>', 'a name server in place of the platform’s', asIs)
    .option('--dns-search <domain>', 'where names without dots are looked for', asIs)
    .option('--dns-option <option>', 'an option of resolv.conf', asIs)
    .option('--cap-add <name>', 'a capability more; may be given again', upperCase)
    .option('--cap-drop <name>', 'a capability less, or ALL', upperCase)
    .option('--init', 'a small init as process 1 (this is the default)')
    .option('--no-init', 'the program itself as process 1')
    .option('--delegate-cgroup', 'control groups of its own, for systemd as process 1')
    .option('--stop-signal <signal>', 'in place of the image’s, else SIGTERM', (text) => signalName(text, constants.signals))
    .option('--start-timeout <time>', 'how long the start may take', durationOption('--start-timeout'))
    .option('--cpu-burst', 'use CPU that nobody else wants: --cpu is a share, not a limit')
    .option('--blkio-weight <n>', 'share of the disk', wholeNumber('--blkio-weight', blockIoWeight.min, blockIoWeight.max))
    .option('--pids-limit <n>', 'processes and threads of the task', wholeNumber('--pids-limit', pids.min, pids.max));
}

/** What of them belongs to the container; what was not given is left to the API. */
export function containerFields(options: ContainerOptions): Partial<Container> {
  const dns = given({ servers: options.dns, search: options.dnsSearch, options: options.dnsOption });
  const capabilities = given({ add: options.capAdd, drop: options.capDrop });
  return given({
    hostname: options.hostname,
    labels: options.label,
    tty: options.tty,
    ulimits: options.ulimit,
    tmpfs: options.tmpfs,
    mountPoints: options.volume?.map(({ source, containerPath, readOnly }) => ({
      volume: nameOf(source, options),
      containerPath,
      readOnly,
    })),
    shmSizeMiB: options.shmSize,
    sysctls: options.sysctl,
    extraHosts: options.addHost,
    dns: Object.keys(dns).length > 0 ? dns : undefined,
    capabilities: Object.keys(capabilities).length > 0 ? capabilities : undefined,
    // The API's default is an init.
    init: options.init === false ? false : undefined,
    delegateCgroup: options.delegateCgroup,
    stopSignal: options.stopSignal,
    startTimeoutSeconds: options.startTimeout === undefined ? undefined : Math.ceil(options.startTimeout / 1000),
  }) as Partial<Container>;
}

/** What of them belongs to the task. */
export function taskFields(options: ContainerOptions): Partial<TaskDefinitionInput> {
  const { cpuBurst, blkioWeight, pidsLimit } = options;
  return given({ cpuBurst, blockIoWeight: blkioWeight, pidsLimit, volumes: volumesOf(options) }) as Partial<TaskDefinitionInput>;
}

/** Each once, though it may be mounted at several places. */
function volumesOf(options: ContainerOptions): TaskDefinitionInput['volumes'] {
  const byName = new Map(options.volume?.map(({ source }) => [nameOf(source, options), source]));
  return byName.size > 0 ? [...byName].map(([name, source]) => ({ name, ...source })) : undefined;
}

/** Persistent volumes have a name; NFS directories are counted. */
function nameOf(source: VolumeSource, { volume = [] }: ContainerOptions): string {
  if ('volume' in source) return source.volume;
  const directories = [...new Set(volume.flatMap(({ source: other }) => ('nfs' in other ? [JSON.stringify(other)] : [])))];
  return `nfs-${directories.indexOf(JSON.stringify(source)) + 1}`;
}

function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
