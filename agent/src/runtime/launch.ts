// The start of one container: root file system, bundle, control group, creation, and the moment it is let go.
import { closeSync, constants, mkdirSync, openSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ContainerSpec, SecretValues, TaskSpec } from '@berth/contract';
import type { IdRange } from './addresses.js';
import { bundleFor, initArguments } from './bundle.js';
import type { Cgroups } from './cgroup.js';
import { bundleFault } from './check-bundle.js';
import type { CompiledFilters } from './compiled-filter.js';
import { writeContainerFiles } from './container-files.js';
import { resolveUser } from './container-user.js';
import { delegate, delegationFault } from './delegation.js';
import { programFault } from './executable.js';
import { sandboxProcesses, startSandbox } from './gvisor.js';
import { sandboxBundle } from './gvisor-bundle.js';
import type { Image } from './image-store.js';
import { CreateError, type Monitor } from './monitor.js';
import { imageFault, volumeFault } from './mount-targets.js';
import { type OpenNamespaces, pathOfDescriptor, withNamespaces } from './namespaces.js';
import { ociProgram } from './oci-program.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { mustRun } from './programs.js';
import { type StartRecord, writeRecord } from './records.js';
import { type RlimitCeilings, rlimitsFor } from './rlimits.js';
import { linkInRootfs, prepareRootfs, programKind, readInRootfs } from './rootfs.js';
import { type Started, TaskStartError } from './runtime.js';
import type { SeccompProfile } from './seccomp.js';
import { environmentWithSecrets, usesSecrets } from './secret-use.js';
import { writeSecretFiles } from './secrets.js';
import { startErrorOf } from './start-failure.js';
import { storageMounts, volumeMounts } from './storage-mounts.js';

export interface LaunchHost {
  readonly options: RuntimeOptions;
  readonly paths: Paths;
  readonly groups: Cgroups;
  readonly monitor: Monitor;
  readonly seccomp: SeccompProfile;
  readonly filters: CompiledFilters;
  readonly rlimits: RlimitCeilings;
  /** The static busybox that containers get for copying; null if this host has none. */
  readonly toolbox: string | null;
  /** Whether this crun's containers may be let go by writing to their FIFO. */
  readonly startByFifo: boolean;
}

export interface LaunchRequest {
  readonly task: TaskSpec;
  readonly container: ContainerSpec;
  readonly image: Image;
  readonly slot: number;
  readonly ids: IdRange;
  /** The task's own. */
  readonly address: string;
  /** Resolves when the container may be let go. It is made meanwhile. */
  mayRun(): Promise<void>;
  /** What its containers' fields name. */
  readonly secrets: SecretValues;
}

const startTimeoutMs = 15_000;

/**
 * Creates a container and lets it go.
 * @throws TaskStartError; the container has then not run. The caller cleans up what was made for it.
 */
export async function launch(host: LaunchHost, request: LaunchRequest): Promise<Started> {
  const { options, paths } = host;
  const { task, container } = request;
  const at = paths.container(task.taskId, container.name);
  const begun = performance.now();
  const refusal = container.delegateCgroup ? delegationFault(host.groups.version, task.isolation) : null;
  if (refusal) throw new TaskStartError('TaskFailedToStart', `The container ${container.name} was refused: ${refusal}.`);
  const { created, prepared } = await make(host, request);
  // crun has made the group its own meanwhile.
  if (container.delegateCgroup) delegate(at.cgroup, request.ids.first);
  await request.mayRun();
  limitCpu(host, request);
  const waiting = performance.now();
  const record: StartRecord = { ...created, startedAtMs: options.clock.now(), isolation: task.isolation };
  // From here on the container counts as started. Were it let go first, an agent killed in between would start it twice.
  writeRecord(at.record, record);
  await letGo(host, request);
  return {
    startedAtMs: record.startedAtMs,
    timings: { bundle: prepared - begun, create: waiting - prepared, letGo: performance.now() - waiting },
  };
}

/** @returns the container, not yet let go, and when its bundle was ready. */
async function make(host: LaunchHost, request: LaunchRequest) {
  const { paths } = host;
  const { task, container } = request;
  const at = paths.container(task.taskId, container.name);
  return withNamespaces(paths.slot(request.slot).net, async (namespaces) => {
    writeBundle(host, request, namespaces);
    mkdirSync(dirname(at.log), { recursive: true, mode: 0o700 });
    host.groups.limit(at.cgroup, { cpuMillis: null, memoryMiB: container.memoryMiB, pids: null });
    const prepared = performance.now();
    return { created: await createOrExplain(host, request), prepared };
  });
}

/**
 * After crun has done its part, which runs in the container's group: 10 milli-CPUs would stretch its 30 ms of work to
 * seconds. Nothing of the tenant's has run yet.
 */
function limitCpu({ groups, paths }: LaunchHost, { task, container }: LaunchRequest): void {
  const { cpuBurst, blockIoWeight } = task;
  const limit = (group: string, cpuMillis: number, weight: number | null = null) =>
    groups.limit(group, { cpuMillis, memoryMiB: null, pids: null, cpuBurst, blockIoWeight: weight });
  limit(paths.task(task.taskId).cgroup, task.cpuMillis, blockIoWeight);
  if (container.cpuMillis !== null) limit(paths.container(task.taskId, container.name).cgroup, container.cpuMillis);
}

function writeBundle(host: LaunchHost, request: LaunchRequest, namespaces: OpenNamespaces): void {
  const { paths } = host;
  const { task, image, ids } = request;
  const container = withSecretVariables(request);
  const at = paths.container(task.taskId, container.name);
  const shared = paths.task(task.taskId);
  const writable = paths.writable(request.slot, container.name);
  prepareRootfs(at, { store: paths.layers, layers: image.layers, writable, ids, userNamespace: namespaces.user });
  const userText = container.user ?? image.config.user;
  const input = {
    task,
    container,
    image: image.config,
    places: {
      rootfs: at.rootfs,
      userNamespace: pathOfDescriptor(namespaces.user),
      networkNamespace: pathOfDescriptor(namespaces.network),
      cgroup: at.cgroup,
      files: writeContainerFiles(shared.files, at.files, container, request.address),
      init: host.options.programs.init,
      toolbox: host.toolbox,
      storage: explain(container.name, () => [
        ...volumeMounts(container, task.volumes, shared.mounts),
        ...storageMounts(writeSecretFiles(at.secretFiles, container, request.secrets, request.ids)),
      ]),
    },
    seccomp: host.seccomp,
    guestEnvironment: host.options.guestEnvironment(task.taskId, container.name),
    rlimits: rlimitsFor(container.ulimits, host.rlimits),
  };
  const user = explain(container.name, () =>
    resolveUser(userText, readInRootfs(at.rootfs, '/etc/passwd'), readInRootfs(at.rootfs, '/etc/group')),
  );
  const bundle = explain(container.name, () => bundleFor({ ...input, user }));
  const program = bundle.process.args[container.init ? initArguments : 0] ?? '';
  const wrong = programFault(program, bundle.process.env, bundle.process.cwd, (path) => programKind(at.rootfs, path));
  if (wrong) throw new TaskStartError('TaskFailedToStart', `The container ${container.name} could not be started: ${wrong}.`);
  const allowed = {
    directories: [shared.directory, shared.mounts],
    files: [host.options.programs.init, ...(host.toolbox ? [host.toolbox] : [])],
    rlimits: host.rlimits,
    delegatedCgroup: container.delegateCgroup,
  };
  const targets = bundle.mounts.map(({ destination }) => destination);
  const linkAt = (path: string) => linkInRootfs(at.rootfs, path);
  const volumeTargets = (container.mountPoints ?? []).map(({ path }) => path);
  const fault =
    bundleFault(bundle, allowed) ??
    imageFault(targets, bundle.process.cwd, linkAt) ??
    volumeFault(volumeTargets, targets, bundle.process.cwd, linkAt);
  if (fault) throw new TaskStartError('TaskFailedToStart', `The container ${container.name} was refused: ${fault}.`);
  const annotations = host.filters.annotationsFor(host.seccomp);
  const written = task.isolation === 'sandbox' ? sandboxBundle(bundle, request.ids) : { ...bundle, annotations };
  // It has the environment in it, and with that secrets.
  writeFileSync(at.config, JSON.stringify(written), { mode: 0o600 });
}

function withSecretVariables({ container, secrets }: LaunchRequest): ContainerSpec {
  if (!usesSecrets(container)) return container;
  return { ...container, environment: explain(container.name, () => environmentWithSecrets(container, secrets)) };
}

function explain<T>(container: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new TaskStartError('TaskFailedToStart', `The container ${container} could not be started: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

/** gVisor's kernel and its file server. Nothing of the tenant's runs in them yet. */
function joinGroup(
  { groups }: LaunchHost,
  at: ReturnType<Paths['container']>,
  { process, monitor }: Pick<StartRecord, 'process' | 'monitor'>,
): void {
  groups.join(at.cgroup, [process.pid, ...sandboxProcesses(monitor, at)]);
}

async function createOrExplain(host: LaunchHost, { task, container, image }: LaunchRequest) {
  const at = host.paths.container(task.taskId, container.name);
  try {
    const created = await host.monitor.create(at, ociProgram(task.isolation, host.options.programs, host.paths), container.tty);
    if (task.isolation === 'sandbox') joinGroup(host, at, created);
    else host.filters.keep(host.seccomp, at.state);
    return created;
  } catch (error) {
    if (!(error instanceof CreateError)) throw error;
    const oomKilled = host.groups.oomKills(at.cgroup) > 0;
    throw startErrorOf(container, image.config, error, oomKilled);
  }
}

/** What `crun start` does, without the 20 ms of starting a program: a byte into the FIFO, which is then removed. */
async function letGo(host: LaunchHost, { task, container }: LaunchRequest): Promise<void> {
  const at = host.paths.container(task.taskId, container.name);
  const oci = ociProgram(task.isolation, host.options.programs, host.paths);
  if (task.isolation === 'sandbox') return startSandbox(oci, host.paths, at.id);
  if (!host.startByFifo) {
    await mustRun(oci.program, [...oci.args, 'start', at.id], { timeoutMs: startTimeoutMs });
    return;
  }
  releaseFifo(at.startFifo);
}

/** Lets a created container go. Throws ENOENT if that was done already, and ENXIO if nobody waits. */
export function releaseFifo(fifo: string): void {
  const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(fd, '0');
  } finally {
    closeSync(fd);
  }
  unlinkSync(fifo);
}
