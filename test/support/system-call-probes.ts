// System calls with arguments that do no harm where they are allowed: most fail then too, but for another reason than
// that they are forbidden. Numbers of x86-64 and arm64; from 424 on they are the same.
type Argument = number | string;

export interface SystemCallProbe {
  readonly what: string;
  readonly numbers: readonly [x64: number, arm64: number];
  readonly args: readonly Argument[];
}

const probe = (what: string, numbers: number | readonly [number, number], ...args: Argument[]): SystemCallProbe => ({
  what,
  numbers: typeof numbers === 'number' ? [numbers, numbers] : numbers,
  args,
});

const newUser = 0x10000000;
const newMounts = 0x20000;
const sigchld = 17;
const nowhere = '/nonexistent';
const here = -100;
/** No address of a process: where something is read there, the answer is EFAULT. */
const badAddress = 1;

const clone = [56, 220] as const;
export const noSuchCall = 'a call no kernel has';

export const systemCallProbes: readonly SystemCallProbe[] = [
  probe('unshare of a user namespace', [272, 97], newUser),
  probe('unshare of a mount namespace', [272, 97], newMounts),
  probe('clone into a user namespace', clone, newUser | sigchld, 0, 0, 0, 0),
  probe('clone3', 435, 0, 0),
  probe('setns', [308, 268], 0, 0),
  probe('mount', [165, 40], 'none', nowhere, 'tmpfs', 0, 0),
  probe('umount', [166, 39], nowhere, 0),
  probe('pivot_root', [155, 41], nowhere, nowhere),
  probe('open_tree', 428, here, '/', 1),
  probe('move_mount', 429, here, nowhere, here, nowhere, 0),
  probe('fsopen', 430, 'tmpfs', 0),
  probe('fsmount', 432, -1, 0, 0),
  probe('fspick', 433, here, nowhere, 0),
  probe('mount_setattr', 442, here, nowhere, 0, 0, 0),
  probe('bpf', [321, 280], 0, 0, 0),
  probe('perf_event_open', [298, 241], 0, 0, -1, -1, 0),
  probe('userfaultfd', [323, 282], 1),
  probe('io_uring_setup', 425, 1, 0),
  probe('add_key', [248, 217], 'user', 'berth-test', 'x', 1, -3),
  probe('keyctl', [250, 219], 0, -3, 0),
  probe('request_key', [249, 218], 'user', 'berth-none', 0, 0),
  probe('open_by_handle_at', [304, 265], -1, badAddress, 0),
  probe('kexec_load', [246, 104], 0, 0, 0, 0xffff),
  probe('kexec_file_load', [320, 294], -1, -1, 0, 0, 0xffff),
  probe('init_module', [175, 105], badAddress, 1, ''),
  probe('finit_module', [313, 273], -1, '', 0),
  probe('delete_module', [176, 106], 'berth-none', 0),
  probe('settimeofday', [164, 170], badAddress, 0),
  probe('clock_settime', [227, 112], 99, badAddress),
  probe('adjtimex', [159, 171], badAddress),
  probe('swapon', [167, 224], nowhere, 0),
  probe('reboot', [169, 142], 0, 0, 0, 0),
  probe('sethostname', [170, 161], 'x', -1),
  probe('acct', [163, 89], nowhere),
  probe('syslog', [103, 116], 10, 0, 0),
  probe('kcmp', [312, 272], 1, 1, 99, 0, 0),
  probe('personality without randomisation', [135, 92], 0x0040000),
  probe('a socket to the hypervisor (AF_VSOCK)', [41, 198], 40, 1, 0),
  probe('a kernel crypto socket (AF_ALG)', [41, 198], 38, 5, 0),
  probe('a packet socket', [41, 198], 17, 3, 0),
  probe('a raw socket', [41, 198], 2, 3, 1),
  probe('mknod of a disk', [259, 33], here, '/tmp/berth-probe-disk', 0o60600, 8 << 8),
  probe('typing into one’s terminal (TIOCSTI)', [16, 29], 0, 0x5412, 'x'),
  probe('the same with a bit set that the kernel does not look at', [16, 29], 0, 0x1_0000_5412, 'x'),
  probe(noSuchCall, 999, 0),
];

export const ordinaryCalls: readonly SystemCallProbe[] = [
  probe('a TCP socket', [41, 198], 2, 1, 0),
  probe('a UNIX socket', [41, 198], 1, 1, 0),
  probe('asking for the personality', [135, 92], 0xffffffff),
];

/** A perl program that prints one errno a line, 0 for success. It makes each call in a process of its own. */
export function probeProgram(probes: readonly SystemCallProbe[]): string {
  const index = process.arch === 'x64' ? 0 : 1;
  const calls = probes.map(({ numbers, args }) => `[${[numbers[index], ...args].map(inPerl).join(',')}]`);
  return `$| = 1; for my $c (${calls.join(',')}) { my $pid = fork; if ($pid) { waitpid $pid, 0; next } $! = 0; my $r = syscall($c->[0], @$c[1..$#$c]); exit if $r == 0 && $c->[0] == ${clone[index]}; print $r < 0 ? $!+0 : 0, "\\n"; exit }`;
}

function inPerl(argument: Argument | undefined): string {
  return typeof argument === 'string' ? `"${argument}"` : String(argument);
}
