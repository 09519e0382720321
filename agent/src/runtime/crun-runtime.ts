// The real container runtime: composes the files of this folder into the port of runtime.ts, and decides nothing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { type ContainerSpec, ephemeralStorageOf, type TaskId, type TaskSpec } from '@berth/contract';
import { guestRedirects, guestServices } from '../guest/guest-rules.js';
import { idRangeOf, parseSubnet } from './addresses.js';
import { hostnameOf } from './bundle.js';
import { cgroups } from './cgroup.js';
import { type CleanupHost, cleanupTask, clearContainer, removeContainer } from './cleanup.js';
import { compiledFilters } from './compiled-filter.js';
import { crunInside } from './crun-inside.js';
import { disks } from './disk.js';
import { diskWatch } from './disk-watch.js';
import { egressCounters } from './egress-counters.js';
import { endedLogs } from './ended-logs.js';
import { type ExitWatch, watchExits } from './exits.js';
import { inspectHost } from './facts.js';
import { freezeGroup } from './freezer.js';
import { processesOnHost } from './gvisor-bundle.js';
import { healthChecks } from './health-check.js';
import { images } from './images.js';
import type { InsideHost } from './inside.js';
import { hideSlotsFromKeeper } from './keeper-view.js';
import { type LaunchHost, launch } from './launch.js';
import { forgetFormerBoot, forgetRun, settleContainers, tasksOnHost } from './leftovers.js';
import { limiter } from './limiter.js';
import { removeOldLogs } from './log-rotation.js';
import { taskLogs } from './logs.js';
import { openMonitor } from './monitor.js';
import { mountsBelow } from './mounts-below.js';
import { network } from './network.js';
import { observeContainer, signalContainer, stopSignalOf } from './observe.js';
import type { RuntimeOptions } from './options.js';
import { requireUsable } from './options-check.js';
import { pathsOf } from './paths.js';
import { sandboxPool } from './pool.js';
import { containersOf, namesIn, readRecord, type SandboxRecord, writeRecord } from './records.js';
import { resizeGroup } from './resize.js';
import { ownCeilings } from './rlimits.js';
import { type Prepared, type Runtime, type RuntimeListeners, type Started, StartWithdrawn, TaskStartError } from './runtime.js';
import { sandboxMaker } from './sandbox.js';
import { sealedPrograms } from './sealed-programs.js';
import { seccompProfile } from './seccomp.js';
import { usesSecrets } from './secret-use.js';
import { secrets } from './secrets.js';
import { signalNumber } from './signals.js';
import { unmount } from './syscalls.js';
import { writeTaskFiles } from './task-files.js';
import { subnetFor, taskNetworks } from './task-network.js';
import { sampleEveryMs, taskStats } from './task-stats.js';
import { every } from './timers.js';
import { volumes } from './volumes.js';
import { writeWhole } from './write-whole.js';

const lookAtDiskEveryMs = 1000;
const lookAtImagesEveryMs = 10_000;
const removeLogsEveryMs = 10 * 60_000;
const sigkill = 9;

/**
 * Must run in a mount namespace of its own (agent/bin/berth-agent makes it): mounts are neither hidden nor removed
 * otherwise. @throws Error saying what this machine lacks.
 */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  requireUsable(options);
  const paths = pathsOf(options.instance, options.dataDirectory);
  const groups = cgroups();
  const report = await inspectHost(options, paths, groups);
  const subnet = parseSubnet(subnetFor(paths, namesIn(paths.tasks).length > 0, options.subnet));
  const net = network(paths, subnet, options.underlay);
  net.open('services', guestServices(subnet.gateway));
  net.open('redirects', guestRedirects(subnet.gateway));
  const networks = taskNetworks(paths, net, options.log);
  const disk = disks(paths.disks);
  const maker = sandboxMaker(paths, net, disk, subnet, { uidBase: options.uidBase, toolbox: report.toolbox });
  const pool = sandboxPool(maker, options.poolSize, Math.min(subnet.slots, options.uidRanges), options.log);
  const store = images(paths, options);
  const watch = diskWatch(options.dataDirectory, options.log, store.relieve);
  const vault = secrets(paths);
  const storage = volumes(paths, options.log, () => ({ subnet: subnet.cidr, network: networks.lastState() }));
  const starts = limiter(options.startConcurrency);
  const monitor = openMonitor(options, paths);
  const signalling = { paths, programs: options.programs };
  const observing = { paths, groups, clock: options.clock };
  const releaseSlot = (slot: number) => {
    networks.leave(slot);
    pool.release(slot);
  };
  let renumber: () => void = () => {};
  const outdated = new Promise<'outdated'>((resolve) => {
    renumber = () => resolve('outdated');
  });
  const cleaning: CleanupHost = {
    paths,
    groups,
    monitor,
    releaseSlot,
    releaseVolumes: storage.cleanup,
    discardDisk: (slot) => disk.discard(paths.slot(slot)),
  };
  const launching: LaunchHost = {
    options,
    paths,
    groups,
    monitor,
    seccomp: seccompProfile(process.arch),
    filters: compiledFilters(),
    rlimits: ownCeilings(),
    startByFifo: report.startByFifo,
    toolbox: report.toolbox,
  };
  const stats = taskStats(paths, groups, options.clock);
  const egress = egressCounters(net, options.log);
  const insideHost: InsideHost = { paths, groups, programs: options.programs, sealed: sealedPrograms() };
  const inside = crunInside(insideHost);
  let exits: ExitWatch | null = null;
  let stopTimers: (() => Promise<void>)[] = [];

  const start = async (known: readonly TaskId[], listeners: RuntimeListeners): Promise<void> => {
    forgetFormerBoot(paths, report.facts.bootId);
    hideSlotsFromKeeper(paths);
    for (const directory of [paths.run, paths.tasks]) mkdirSync(directory, { recursive: true, mode: 0o711 });
    await storage.adopt(known);
    for (const directory of [paths.crunRoot, paths.runscRoot, paths.exits, paths.disks, paths.logs])
      mkdirSync(directory, { recursive: true, mode: 0o711 });
    writeFileSync(paths.bootIdFile, report.facts.bootId);
    await store.prepare();
    const knownIds = new Set<string>(known);
    const isKnown = (taskId: string) => knownIds.has(taskId);
    vault.forgetAllBut(isKnown);
    await monitor.start();
    // Their cables and rules are needed from the first moment; whatever else there is goes with the old tables.
    const taken = known.flatMap((taskId) => readRecord<SandboxRecord>(paths.task(taskId).sandbox)?.slot ?? []);
    for (const slot of taken) pool.reserve(slot);
    await networks.setUp(taken);
    for (const taskId of tasksOnHost(paths, groups)) {
      if (isKnown(taskId)) await settleContainers({ ...signalling, groups, monitor }, taskId);
      else await cleanupTask(cleaning, taskId);
    }
    await maker.remove(maker.present().filter((slot) => !taken.includes(slot)));
    await inside.start(known);
    exits = watchExits(observing, listeners);
    for (const taskId of known) for (const name of containersOf(paths, taskId)) exits.add(taskId, name);
    stopTimers = [
      every(removeLogsEveryMs, removeLogs, options.log),
      every(lookAtDiskEveryMs, watch.look, options.log),
      every(lookAtImagesEveryMs, store.relieve, options.log),
      every(sampleEveryMs, async () => stats.sample(), options.log),
    ];
    pool.fill();
  };

  const removeLogs = async () => {
    const live = new Set(namesIn(paths.tasks));
    await removeOldLogs(paths, options.logs, (taskId) => live.has(taskId));
  };

  const prepare = async (spec: TaskSpec, signal: AbortSignal): Promise<Prepared> => {
    const begun = performance.now();
    const wanted = [...new Set(spec.containers.map((container) => container.image))];
    store.need(spec.taskId, wanted);
    const fromMs = options.clock.now();
    const stored = await Promise.all(wanted.map(store.stored));
    await Promise.all(wanted.map((image) => store.get(image, signal)));
    const pulled = stored.includes(null) ? { fromMs, untilMs: options.clock.now() } : null;
    signal.throwIfAborted();
    await vault.arrived(spec, signal);
    const arrived = performance.now();
    const at = paths.task(spec.taskId);
    const sandbox = readRecord<SandboxRecord>(at.sandbox) ?? (await takeSandbox(at.sandbox));
    await disk.fit(paths.slot(sandbox.slot), ephemeralStorageOf(spec));
    await storage.prepare(spec, { slot: sandbox.slot, ids: idRangeOf(sandbox.slot, options.uidBase) }, signal);
    const taken = performance.now();
    groups.limit(at.cgroup, { cpuMillis: null, memoryMiB: spec.memoryMiB, pids: processesOnHost(spec) });
    writeTaskFiles(at.files, hostnameOf(spec), sandbox.address, subnet.gateway);
    const ports = await networks.join(spec, sandbox.slot, sandbox.address);
    return {
      address: sandbox.address,
      ports,
      timings: { image: arrived - begun, sandbox: taken - arrived, task: performance.now() - taken },
      pulled,
    };
  };

  const takeSandbox = async (file: string): Promise<SandboxRecord> => {
    const slot = await pool.take();
    const record = { slot, address: subnet.addressOf(slot) };
    writeRecord(file, record);
    return record;
  };

  const startContainer = async (task: TaskSpec, container: ContainerSpec, permit: () => Promise<void>): Promise<Started> => {
    const image = await store.get(container.image);
    const sandbox = readRecord<SandboxRecord>(paths.task(task.taskId).sandbox);
    if (!sandbox) throw new TaskStartError('RuntimeFailed', `The task ${task.taskId} was not prepared.`);
    const queued = performance.now();
    const started = await starts(async () => {
      const request = {
        task,
        container,
        image,
        slot: sandbox.slot,
        ids: idRangeOf(sandbox.slot, options.uidBase),
        address: sandbox.address,
        mayRun: async () => {
          await networks.settled(sandbox.slot);
          await permit();
        },
        secrets: usesSecrets(container) ? vault.of(task.taskId) : {},
      };
      const waited = performance.now() - queued;
      if (task.isolation === 'sandbox') maker.addressInside(sandbox.slot);
      try {
        const result = await launch(launching, request);
        return { ...result, timings: { wait: waited, ...result.timings } };
      } catch (error) {
        await removeContainer(cleaning, task.taskId, container.name);
        throw asStartError(error, container);
      }
    });
    exits?.add(task.taskId, container.name);
    return started;
  };

  const cleanup = async (taskId: TaskId): Promise<void> => {
    exits?.forgetTask(taskId);
    vault.forget(taskId);
    egress.forget(taskId);
    await cleanupTask(cleaning, taskId);
    renumberIfIdle();
  };

  /** Tasks keep the address that they have; another subnet is for those to come. */
  const renumberIfIdle = () => {
    if (namesIn(paths.tasks).length === 0 && subnetFor(paths, false, options.subnet) !== subnet.cidr) renumber();
  };

  const close = async () => {
    exits?.close();
    await inside.close();
    for (const stop of stopTimers.splice(0)) await stop();
    await pool.close();
    monitor.close();
  };

  return {
    facts: report.facts,
    get diskPressure() {
      return watch.pressure;
    },
    start,
    keepSecrets: vault.keep,
    prepare,
    startContainer,
    stopContainer: async (taskId, container) => {
      const image = await store.stored(container.image);
      await signalContainer(signalling, taskId, container.name, stopSignalOf(container, image?.config.stopSignal ?? null));
    },
    killContainer: async (taskId, container) => {
      await signalContainer(signalling, taskId, container, sigkill);
      if (readRecord(paths.container(taskId, container).record)) groups.killAll(paths.container(taskId, container).cgroup);
    },
    clearContainer: async (taskId, container) => {
      exits?.forget(taskId, container);
      await clearContainer(cleaning, taskId, container);
    },
    check: healthChecks(insideHost),
    resize: (spec) => resizeGroup(groups, paths.task(spec.taskId).cgroup, spec),
    setFrozen: (taskId, frozen) => freezeGroup(groups, paths.task(taskId).cgroup, frozen),
    signal: (taskId, container, signal) => signalContainer(signalling, taskId, container, signalNumber(signal) ?? 0),
    observe: async (taskId, container) => observeContainer(observing, taskId, container),
    cleanup,
    logs: (taskId, request) => {
      const isOver = () => !namesIn(paths.tasks).includes(taskId);
      return taskLogs(paths, taskId, request, isOver);
    },
    endedLogs: endedLogs(paths),
    taskStats: stats.counters,
    statsHistory: stats.history,
    egressBytes: egress.read,
    outdated,
    network: { subnet: subnet.cidr, underlay: options.underlay },
    setNetwork: async (state) => {
      if (state.subnet !== null) writeWhole(paths.subnetWanted, parseSubnet(state.subnet).cidr);
      await networks.setState(state);
      renumberIfIdle();
    },
    removeVolumes: storage.remove,
    get volumesMiB() {
      return storage.sizeMiB();
    },
    inside,
    close,
    teardown: async () => {
      await close();
      for (const taskId of tasksOnHost(paths, groups)) await cleanupTask(cleaning, taskId);
      await maker.remove(namesIn(paths.slots).map(Number).filter(Number.isInteger));
      await net.tearDown();
      await groups.remove(paths.instance);
      await store.tearDown();
      for (const target of mountsBelow(paths.run)) unmount(target);
      await monitor.end();
      forgetRun(paths);
    },
  };
}

function asStartError(error: unknown, container: ContainerSpec): TaskStartError | StartWithdrawn {
  if (error instanceof TaskStartError || error instanceof StartWithdrawn) return error;
  const message = `The container ${container.name} could not be made: ${(error as Error).message}`;
  return new TaskStartError('RuntimeFailed', message, { cause: error });
}
