// Kernel settings that a container may ask for: those that belong to its own IPC and network namespaces and change
// nothing outside. Not among them: net.ipv4.conf.* and forwarding, which the host's anti-spoofing stands on, and
// everything that one kernel has once.
import { z } from 'zod';
import { limits } from './sizes.js';

/** In the container's IPC namespace: shared memory, semaphores and message queues. */
const ipc = [
  ...['kernel.msgmax', 'kernel.msgmnb', 'kernel.msgmni', 'kernel.sem'],
  ...['kernel.shm_rmid_forced', 'kernel.shmall', 'kernel.shmmax', 'kernel.shmmni'],
  ...['fs.mqueue.msg_default', 'fs.mqueue.msg_max', 'fs.mqueue.msgsize_default', 'fs.mqueue.msgsize_max', 'fs.mqueue.queues_max'],
];

/** In the network namespace, which all containers of a task share. */
const network = [
  ...['net.core.somaxconn', 'net.unix.max_dgram_qlen'],
  ...['ip_default_ttl', 'ip_local_port_range', 'ip_local_reserved_ports', 'ip_unprivileged_port_start', 'ping_group_range'].map(ipv4),
  ...['tcp_ecn', 'tcp_fastopen', 'tcp_fin_timeout', 'tcp_keepalive_intvl', 'tcp_keepalive_probes', 'tcp_keepalive_time'].map(ipv4),
  ...['tcp_max_syn_backlog', 'tcp_max_tw_buckets', 'tcp_mtu_probing', 'tcp_no_metrics_save', 'tcp_notsent_lowat'].map(ipv4),
  ...['tcp_orphan_retries', 'tcp_retries1', 'tcp_retries2', 'tcp_rmem', 'tcp_sack', 'tcp_slow_start_after_idle'].map(ipv4),
  ...['tcp_syn_retries', 'tcp_synack_retries', 'tcp_syncookies', 'tcp_timestamps', 'tcp_tw_reuse', 'tcp_window_scaling'].map(ipv4),
  ...['tcp_wmem', 'udp_rmem_min', 'udp_wmem_min'].map(ipv4),
];

export const allowedSysctls: readonly string[] = [...ipc, ...network];

const allowedInWords =
  'kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*, net.core.somaxconn, net.unix.max_dgram_qlen and the settings of net.ipv4 listed in docs/task-model.md';

export const sysctlsSchema = z
  .record(z.string(), z.string().regex(/^\d[\d \t,-]{0,255}$/, 'must be a number, or numbers with blanks between'))
  .superRefine((sysctls, context) => {
    for (const name of Object.keys(sysctls)) {
      if (allowedSysctls.includes(name)) continue;
      context.addIssue({ code: 'custom', path: [name], message: `is not a setting of the container’s own. It may set ${allowedInWords}` });
    }
  })
  .refine((sysctls) => Object.keys(sysctls).length <= limits.sysctls.max, `must not have more than ${limits.sysctls.max} settings`);

interface Conflict {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Where a container wants another value than one before it of a setting that they share. */
export function sysctlConflicts(containers: readonly { readonly sysctls?: Readonly<Record<string, string>> | undefined }[]): Conflict[] {
  const first = new Map<string, string>();
  return containers.flatMap(({ sysctls = {} }, index) =>
    Object.entries(sysctls).flatMap(([name, value]) => {
      if (!network.includes(name)) return [];
      const before = first.get(name) ?? value;
      first.set(name, before);
      const message = `is ${before} in another container, and the containers of a task share their network`;
      return before === value ? [] : [{ path: ['containers', index, 'sysctls', name], message }];
    }),
  );
}

function ipv4(name: string): string {
  return `net.ipv4.${name}`;
}
