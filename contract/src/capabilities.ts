// The privileges that a container's root may have: Docker's default set without the three that reach past the task,
// and a few more to ask for. Each holds in the task's user namespace only.
import { z } from 'zod';

/** What root of a container has when nothing is said. */
export const defaultCapabilities = [
  ...(['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'NET_BIND_SERVICE'] as const),
  ...(['SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'] as const),
] as const;

/**
 * Harmless in a user namespace, and why. Not among them are those that the kernel honours in its first user namespace
 * only, for they would change nothing (SYS_NICE, IPC_LOCK, SYS_RESOURCE, MKNOD, SYS_TIME …), and those that open most
 * of the kernel to attack even inside one (SYS_ADMIN, NET_ADMIN, BPF, PERFMON).
 */
export const extraCapabilities = {
  NET_RAW: 'raw IP sockets, for ping and its like: the host drops what bears another address, and AF_PACKET stays shut',
  SYS_PTRACE: 'debugging processes of other users of the same task: the kernel looks at the target’s user namespace',
  DAC_READ_SEARCH: 'reading what the image’s root may read: less than DAC_OVERRIDE. Opening by file handle stays shut',
  AUDIT_WRITE: 'sshd and PAM insist on it: outside the first user namespace the kernel answers them that nobody audits',
} as const;

export const grantableCapabilities: readonly string[] = [...defaultCapabilities, ...Object.keys(extraCapabilities)];

/** With or without CAP_ before it. */
const bare = (name: string) => name.replace(/^CAP_/, '');

export const capabilitiesSchema = z
  .strictObject({
    add: z
      .array(
        z.string().refine((name) => grantableCapabilities.includes(bare(name)), {
          error: ({ input }) => `${String(input).slice(0, 40)} is not to be had; a container may add ${grantableCapabilities.join(', ')}`,
        }),
      )
      .max(grantableCapabilities.length)
      .optional()
      .describe(`Of ${Object.keys(extraCapabilities).join(', ')}, and of the default ones after a drop of ALL.`),
    drop: z
      .array(z.string().regex(/^[A-Z_]{3,40}$/, 'must be ALL or the name of a capability, such as NET_BIND_SERVICE'))
      .max(64)
      .optional()
      .describe('ALL, or any by name; what is added is added after this.'),
  })
  .meta({ id: 'Capabilities' });

/** The set that root of the container has, in a fixed order. What both drops and adds a capability has it. */
export function effectiveCapabilities({ add, drop }: { readonly add: readonly string[]; readonly drop: readonly string[] }): string[] {
  const [added, dropped] = [add.map(bare), drop.map(bare)];
  const kept: readonly string[] = dropped.includes('ALL') ? [] : defaultCapabilities.filter((name) => !dropped.includes(name));
  return grantableCapabilities.filter((name) => kept.includes(name) || added.includes(name));
}
