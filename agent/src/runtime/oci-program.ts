// The program behind each isolation tier, crun or gVisor's runsc, and the arguments that come before its verb. Both speak
// the command line of OCI runtimes: create, start, exec, kill.
import type { Isolation } from '@berth/contract';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';

export interface OciProgram {
  readonly program: string;
  readonly args: readonly string[];
}

type Programs = Pick<RuntimeOptions['programs'], 'crun' | 'runsc'>;

export function ociProgram(isolation: Isolation, programs: Programs, paths: Pick<Paths, 'crunRoot' | 'runscRoot'>): OciProgram {
  return isolation === 'container'
    ? { program: programs.crun, args: ['--root', paths.crunRoot, '--cgroup-manager=cgroupfs'] }
    : { program: programs.runsc, args: ['--root', paths.runscRoot, ...sandboxFlags] };
}

/**
 * gVisor's own network stack over the task's cable, so that the host's is not within reach. It joins no control groups
 * by itself (it refuses hybrid hosts): the agent puts its processes there. ptrace runs on every machine, virtual or not.
 */
const sandboxFlags = ['--platform=ptrace', '--network=sandbox', '--ignore-cgroups', '--oci-seccomp'] as const;
