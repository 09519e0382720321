// Which system calls a container may make, as code with reasons. Ordinary programs never notice; what is missing is
// what has let containers out before, or what has no use without a privilege they don't have.
//
// Only the machine's own architecture is allowed: the 32-bit calls of x86 (socketcall above all) would go round the
// conditions on arguments. A call that nobody listed answers ENOSYS, as on an older kernel, so that libraries fall
// back; one that was refused with intent answers EPERM.
const eperm = 1;
const enosys = 38;
const eafnosupport = 97;

interface Condition {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_GT' | 'SCMP_CMP_MASKED_EQ';
}

interface Rule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly Condition[];
}

export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly Rule[];
}

interface Group {
  readonly why: string;
  readonly calls: string;
}

/** Allowed whatever their arguments. */
const allowed: readonly Group[] = [
  {
    why: 'files, by path and by descriptor; permissions and id mapping decide',
    calls: `access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate
      fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat
      fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr getxattrat lchown lgetxattr link linkat listxattr
      listxattrat llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open
      openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr
      removexattrat rename renameat renameat2 rmdir sendfile setxattr setxattrat splice stat statfs statx symlink symlinkat sync
      sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes vmsplice write writev chroot`,
  },
  {
    why: 'waiting, events and pipes',
    calls: `epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2
      fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
      io_setup io_submit pipe pipe2 poll ppoll pselect6 select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_settime`,
  },
  {
    why: 'memory of one’s own',
    calls: `brk cachestat get_mempolicy madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap
      mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_madvise process_mrelease
      remap_file_pages`,
  },
  {
    why: 'processes and threads; clone is below, clone3 is not allowed because its flags are behind a pointer',
    calls: `arch_prctl alarm capget capset execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake
      get_robust_list get_thread_area getegid geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid getpriority
      getresgid getresuid getrlimit getrusage getsid gettid getuid ioprio_get ioprio_set kill landlock_add_rule
      landlock_create_ruleset landlock_restrict_self nanosleep pause pidfd_getfd pidfd_open pidfd_send_signal prctl prlimit64
      process_vm_readv process_vm_writev ptrace restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
      rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
      sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr
      sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_thread_area set_tid_address setfsgid setfsuid
      setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid sigaltstack
      tgkill time times tkill vfork wait4 waitid`,
  },
  {
    why: 'sockets, once they are open; opening is below',
    calls: `accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto
      setsockopt shutdown socketpair`,
  },
  {
    why: 'System V and POSIX IPC, in a namespace of the task’s own',
    calls: `mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop
      semtimedop shmat shmctl shmdt shmget`,
  },
  {
    why: 'asking for the time and about the machine; setting either needs a privilege no container has',
    calls: `clock_getres clock_gettime clock_nanosleep getcpu getrandom gettimeofday sysinfo timer_create timer_delete
      timer_getoverrun timer_gettime timer_settime uname`,
  },
  {
    why: 'not made by programs but by the kernel on their behalf: without it a probe that the operator sets on the host kills them',
    calls: 'uretprobe',
  },
];

/** Refused with EPERM, where silence would make a reader wonder whether they were forgotten. */
const refused: readonly Group[] = [
  { why: 'new namespaces: the kernel’s largest attack surface for a process without privileges', calls: 'unshare setns' },
  {
    why: 'mounts, old interface and new',
    calls: 'mount umount2 pivot_root open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr',
  },
  { why: 'kernel keyrings are not namespaced', calls: 'add_key keyctl request_key' },
  { why: 'programs and probes in the kernel', calls: 'bpf perf_event_open' },
  { why: 'stops the kernel in the middle of a page fault, which makes races winnable', calls: 'userfaultfd' },
  { why: 'does file and network calls where no filter sees them', calls: 'io_uring_setup io_uring_enter io_uring_register' },
  { why: 'opens files by number, past the root directory', calls: 'open_by_handle_at' },
  {
    why: 'the machine as a whole',
    calls: `acct adjtimex clock_adjtime clock_settime create_module delete_module finit_module init_module ioperm iopl
      kexec_file_load kexec_load lookup_dcookie quotactl quotactl_fd reboot setdomainname sethostname settimeofday swapoff swapon
      syslog vhangup`,
  },
  { why: 'placing pages on others’ memory nodes', calls: 'mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node' },
  { why: 'compares kernel addresses', calls: 'kcmp' },
];

const namespaceFlags = 0x7e020000;
/** TIOCSTI: types into one's terminal, as if its user had. */
const terminalInjection = 0x5412;
/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Not AF_VSOCK (the hypervisor), AF_ALG or AF_PACKET. */
const socketFamilies = [1, 2, 10, 16];
/** PER_LINUX and PER_LINUX32, each with and without UNAME26, and "tell me": not those that switch randomisation off. */
const personalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

const allow = (name: string, condition: Condition): Rule => ({ names: [name], action: 'SCMP_ACT_ALLOW', args: [condition] });

const conditional: readonly Rule[] = [
  allow('clone', { index: 0, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }),
  ...otherThan(1, terminalInjection).map((condition) => allow('ioctl', condition)),
  ...socketFamilies.map((family) => allow('socket', { index: 0, value: family, op: 'SCMP_CMP_EQ' })),
  {
    names: ['socket'],
    action: 'SCMP_ACT_ERRNO',
    errnoRet: eafnosupport,
    args: [{ index: 0, value: Math.max(...socketFamilies), op: 'SCMP_CMP_GT' }],
  },
  ...personalities.map((persona) => allow('personality', { index: 0, value: persona, op: 'SCMP_CMP_EQ' })),
];

const architectures: Readonly<Record<string, string>> = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' };

/** The filter for a machine of this architecture (as `process.arch` names it). Throws for one it wasn't written for. */
export function seccompProfile(arch: string): SeccompProfile {
  const architecture = architectures[arch];
  if (!architecture) throw new Error(`Berth has no system call filter for ${arch}: use an x86-64 or arm64 host`);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: enosys,
    architectures: [architecture],
    syscalls: [
      { names: namesOf(allowed), action: 'SCMP_ACT_ALLOW' },
      ...conditional,
      { names: namesOf(refused), action: 'SCMP_ACT_ERRNO', errnoRet: eperm },
    ],
  };
}

/**
 * Conditions of which one holds unless the lower half of the argument is `value`. The kernel looks at that half only
 * where it takes an int: a comparison of the whole would be passed by the same value with a bit set above it.
 */
function otherThan(index: number, value: number): Condition[] {
  return Array.from({ length: 32 }, (_, bit) => {
    const mask = 2 ** bit;
    const isSet = Math.floor(value / mask) % 2 === 1;
    return { index, value: mask, valueTwo: isSet ? 0 : mask, op: 'SCMP_CMP_MASKED_EQ' };
  });
}

function namesOf(groups: readonly Group[]): string[] {
  return groups.flatMap((group) => group.calls.trim().split(/\s+/));
}
