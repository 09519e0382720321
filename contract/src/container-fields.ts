// The fields of a container that change what it finds inside: its names, limits, mounts in memory, kernel settings and
// privileges. What is not offered here cannot be had, whatever an image or a definition says.
import { z } from 'zod';
import { isSignalName } from './signals.js';
import { limits } from './sizes.js';

/** One label or several with dots between, as hostname(7) has it. */
const hostName = z
  .string()
  .max(253)
  .regex(
    /^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/,
    'must be a host name: letters, digits and "-", with dots between its parts',
  );

export const hostnameSchema = hostName.refine((name) => name.length <= 64, 'must not be longer than 64 characters');

export const labelsSchema = z
  .record(
    z.string().regex(/^[\x21-\x7e]{1,128}$/, 'must be 1–128 printable characters without blanks'),
    z
      .string()
      .max(1024)
      .refine((text) => !text.includes('\0'), 'must not contain a NUL character'),
  )
  .refine((labels) => Object.keys(labels).length <= limits.labels.max, `must not have more than ${limits.labels.max} labels`);

export const signalSchema = z.string().refine(isSignalName, 'must be the name of a signal, such as SIGTERM, SIGUSR1 or SIGRTMIN+3');

/** Those of setrlimit(2), by Docker's names. */
export const ulimitNames = [
  ...(['core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice'] as const),
  ...(['nofile', 'nproc', 'rss', 'rtprio', 'rttime', 'sigpending', 'stack'] as const),
] as const;

const ulimitValue = z.int().min(-1).max(Number.MAX_SAFE_INTEGER);

export const ulimitsSchema = z
  .array(
    z
      .strictObject({
        name: z.enum(ulimitNames),
        soft: ulimitValue.describe('In the unit of setrlimit(2); -1 is unlimited.'),
        hard: ulimitValue.describe('The same; at least as much as soft.'),
      })
      .refine(({ soft, hard }) => hard === -1 || (soft !== -1 && soft <= hard), { path: ['soft'], message: 'must not be more than hard' })
      .meta({ id: 'Ulimit' }),
  )
  .max(ulimitNames.length)
  .superRefine((ulimits, context) => refuseRepeated(ulimits, 'name', context));

/** Of the image's own directories only; what Berth itself mounts is out of bounds, and so is the whole root. */
export const mountTargetSchema = z
  .string()
  .max(1024)
  .regex(/^(\/(?!\.{1,2}(\/|$))[^/\0,:]+)+$/, 'must be an absolute path below /, without "..", ".", "," and ":", such as /var/cache')
  .refine((path) => !/^\/(proc|sys|dev)(\/|$)/.test(path), 'must not be in /proc, /sys or /dev (for /dev/shm there is shmSizeMiB)')
  .refine(
    (path) => !/^\/etc(\/(hosts|hostname|resolv\.conf)(\/|$)|$)/.test(path),
    'must leave /etc to Berth, which puts hosts, hostname and resolv.conf there',
  );

export const tmpfsSchema = z
  .array(
    z
      .strictObject({
        path: mountTargetSchema,
        sizeMiB: z.int().min(1).max(limits.memoryMiB.max).describe('At most; what is in it counts as the container’s memory.'),
        mode: z
          .string()
          .regex(/^[01]?[0-7]{3}$/, 'must be permissions in octal, such as 1777 or 0750')
          .optional()
          .describe('Default: 1777.'),
        uid: z.int().min(0).max(65_535).optional().describe('Owner, as seen inside. Default: 0.'),
        gid: z.int().min(0).max(65_535).optional(),
        exec: z.boolean().optional().describe('Whether programs in it may be run. Default: no.'),
      })
      .meta({ id: 'Tmpfs' }),
  )
  .max(limits.tmpfs.max)
  .superRefine((mounts, context) => refuseRepeated(mounts, 'path', context));

export const shmSizeMiBSchema = z.int().min(1).max(limits.shmSizeMiB.max);

export const extraHostsSchema = z
  .array(
    z
      .strictObject({ hostname: hostName, address: z.union([z.ipv4(), z.ipv6()], { error: 'must be an IPv4 or IPv6 address' }) })
      .meta({ id: 'ExtraHost' }),
  )
  .max(limits.extraHosts.max);

/** resolv.conf(5): the resolver reads three servers and no more. Tasks have IPv4 only. */
export const dnsSchema = z
  .strictObject({
    servers: z
      .array(z.ipv4({ error: 'must be an IPv4 address' }))
      .max(3)
      .optional()
      .describe('In place of the platform’s: names of other tasks are then not found.'),
    search: z.array(hostName).max(32).optional(),
    options: z
      .array(z.string().regex(/^[a-z][a-z0-9-]{0,30}(:\d{1,5})?$/, 'must be an option of resolv.conf(5), such as ndots:2'))
      .max(16)
      .optional(),
  })
  .meta({ id: 'Dns' });

/** Refuses an item that says again what an earlier one has said. */
function refuseRepeated<F extends string>(
  items: readonly Readonly<Record<F, string>>[],
  field: F,
  context: { addIssue(issue: { code: 'custom'; path: (string | number)[]; message: string }): void },
): void {
  items.forEach((item, index) => {
    if (items.findIndex((other) => other[field] === item[field]) < index)
      context.addIssue({ code: 'custom', path: [index, field], message: `"${item[field]}" is given twice` });
  });
}

export const delegateCgroupSchema = z
  .boolean()
  .describe(
    'The container may make control groups below its own, at /sys/fs/cgroup: for images whose first process is systemd, with `init` ' +
      'false. Its limits stay out of its reach. Only on hosts with cgroup v2, and not with isolation "sandbox". Default: no.',
  );
