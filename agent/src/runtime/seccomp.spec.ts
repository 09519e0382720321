import { describe, expect, it } from 'vitest';
import { seccompProfile } from './seccomp.js';

const profile = seccompProfile('x64');
const rulesOf = (name: string) => profile.syscalls.filter((rule) => rule.names.includes(name));
const isOpen = (name: string) => rulesOf(name).some((rule) => rule.action === 'SCMP_ACT_ALLOW' && !rule.args);

describe('the system call filter', () => {
  it('answers "no such call" by default, so that libraries fall back', () => {
    expect([profile.defaultAction, profile.defaultErrnoRet]).toEqual(['SCMP_ACT_ERRNO', 38]);
  });

  it.each([
    'unshare',
    'setns',
    'mount',
    'umount2',
    'pivot_root',
    'open_tree',
    'move_mount',
    'fsopen',
    'fsmount',
    'mount_setattr',
    'bpf',
    'perf_event_open',
    'userfaultfd',
    'io_uring_setup',
    'add_key',
    'keyctl',
    'request_key',
    'open_by_handle_at',
    'kexec_load',
    'init_module',
    'finit_module',
    'settimeofday',
    'clone',
    'clone3',
    'personality',
    'socket',
    'ioctl',
  ])('never allows %s whatever its arguments', (name) => {
    expect(isOpen(name)).toBe(false);
  });

  it.each(['read', 'execve', 'futex', 'mmap', 'epoll_wait', 'accept4', 'getrandom', 'rseq', 'faccessat2', 'close_range'])(
    'allows %s',
    (name) => {
      expect(isOpen(name)).toBe(true);
    },
  );

  it('lists no call twice without a condition, which libseccomp would refuse or merge', () => {
    const unconditional = profile.syscalls.filter((rule) => !rule.args).flatMap((rule) => rule.names);
    expect(unconditional.filter((name, index) => unconditional.indexOf(name) !== index)).toEqual([]);
  });

  it('lets clone pass only without any flag that makes a namespace', () => {
    const [condition] = rulesOf('clone')[0]?.args ?? [];
    const passes = (flags: number) => (BigInt(flags) & BigInt(condition?.value ?? 0)) === BigInt(condition?.valueTwo ?? -1);
    for (const flag of [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000])
      expect(passes(flag | 17)).toBe(false);
    // What pthread_create and fork use.
    for (const flags of [0x003d0f00, 0x01200011]) expect(passes(flags)).toBe(true);
  });

  it('lets every ioctl pass but TIOCSTI, also with bits set that the kernel does not look at', () => {
    const conditions = rulesOf('ioctl').flatMap((rule) => rule.args ?? []);
    const passes = (request: bigint) => conditions.some(({ value, valueTwo }) => (request & BigInt(value)) === BigInt(valueTwo ?? -1));
    for (const high of [0n, 1n << 32n, 1n << 63n, 0xffffffffn << 32n]) {
      expect(passes(high | 0x5412n)).toBe(false);
      for (const request of [0x5401n, 0x5410n, 0x5413n, 0x541bn, 0x5612n, 0x80045430n, 0n, 0xffffffffn])
        expect(passes(high | request)).toBe(true);
    }
    expect(conditions.every(({ index, op }) => index === 1 && op === 'SCMP_CMP_MASKED_EQ')).toBe(true);
  });

  it('leaves calls that only list mounts unknown, so that programs read /proc/self/mountinfo instead', () => {
    for (const name of ['statmount', 'listmount', 'modify_ldt', 'fanotify_init']) expect(rulesOf(name)).toEqual([]);
  });

  it('knows only the machine’s own architecture, and says so of others', () => {
    expect(profile.architectures).toEqual(['SCMP_ARCH_X86_64']);
    expect(seccompProfile('arm64').architectures).toEqual(['SCMP_ARCH_AARCH64']);
    expect(() => seccompProfile('ia32')).toThrow(/x86-64 or arm64/);
  });
});
