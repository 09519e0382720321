// Where everything of one instance is, and what it is called. Nothing else builds a host path, so that clean-up can
// find again what an earlier life of the agent has made.
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export type Paths = ReturnType<typeof pathsOf>;

/** `data` outlives a reboot; `run` (a tmpfs on most machines) holds what is worthless after one. */
export function pathsOf(instance: string, dataDirectory: string) {
  const run = join('/run', instance);
  const data = dataDirectory;
  return {
    instance,
    run,
    bootIdFile: join(run, 'boot-id'),
    crunRoot: join(run, 'crun'),
    runscRoot: join(run, 'runsc'),
    exits: join(run, 'exits'),
    /** Where the keeper of the containers listens, and what it has said before it died. */
    keeperSocket: join(run, 'keeper.sock'),
    keeperLog: join(run, 'keeper.log'),
    /** Sockets on which terminals are handed over, for milliseconds each. A path of a socket has 108 bytes. */
    terminals: join(run, 'tty'),
    slots: join(run, 'slots'),
    tasks: join(run, 'tasks'),
    imageRun: join(run, 'images'),
    /** Values of tasks' secrets. */
    secrets: join(run, 'secrets'),
    images: join(data, 'images'),
    layers: join(data, 'images', 'overlay'),
    /** A file for each image, of the time of its last use. */
    imagesUsed: join(data, 'images-used'),
    /** What pulls that are under way have on disk beside the store. */
    pulls: join(data, 'pulls'),
    disks: join(data, 'disks'),
    /** The files that persistent volumes are in, and where those in use are mounted. */
    volumes: join(data, 'volumes'),
    volumeMounts: join(run, 'volumes'),
    /** Volumes as tasks see them, apart from all else of the tasks: what is in here is never removed by walking it. */
    taskMounts: join(run, 'mounts'),
    logs: join(data, 'logs'),
    bridge: `${instance}0`,
    /** The device that leads to other hosts' tasks. */
    overlay: `${instance}x`,
    /** What the control plane has said of the network, for the next life of the agent. */
    networkState: join(run, 'network.json'),
    /** The subnet that this life's tasks have; and the one that the control plane wants. */
    subnetInUse: join(run, 'subnet'),
    subnetWanted: join(data, 'subnet'),
    vethPrefix: `${instance}v`,
    table: instance,
    slot: (slot: number) => {
      const directory = join(run, 'slots', String(slot));
      return {
        directory,
        net: join(directory, 'net'),
        /** The task's place in the network. */
        member: join(directory, 'member.json'),
        /** The task's disk, and the file that it is in. */
        disk: join(directory, 'disk'),
        diskImage: join(data, 'disks', `${slot}.img`),
        /** On that disk: what containers write. */
        writable: join(directory, 'disk', 'containers'),
        veth: `${instance}v${slot}`,
      };
    },
    /** What a container writes, on the task's disk. */
    writable: (slot: number, container: string) => join(run, 'slots', String(slot), 'disk', 'containers', container),
    /** Where a task's scratch volumes are. */
    scratch: (slot: number) => join(run, 'slots', String(slot), 'disk', 'volumes'),
    volume: (id: string) => ({ image: join(data, 'volumes', `${id}.img`), mount: join(run, 'volumes', id) }),
    task: (taskId: string) => ({
      directory: join(run, 'tasks', taskId),
      sandbox: join(run, 'tasks', taskId, 'sandbox.json'),
      volumes: join(run, 'tasks', taskId, 'volumes.json'),
      mounts: join(run, 'mounts', taskId),
      /** The images that it needs. */
      images: join(run, 'tasks', taskId, 'images.json'),
      files: join(run, 'tasks', taskId, 'files'),
      logs: join(data, 'logs', taskId),
      cgroup: `${instance}/${taskId}`,
    }),
    container: (taskId: string, name: string) => {
      const id = containerId(taskId, name);
      const directory = join(run, 'tasks', taskId, 'containers', name);
      return {
        id,
        directory,
        config: join(directory, 'config.json'),
        secretFiles: join(directory, 'secrets'),
        pidFile: join(directory, 'pid'),
        record: join(directory, 'started.json'),
        failure: join(directory, 'failure.json'),
        /** Sessions that run in it, each a directory named by its id. */
        execs: join(directory, 'exec'),
        rootfs: join(directory, 'rootfs'),
        /** Where the image store is mounted with the task's ids while the root file system is made. */
        layers: join(directory, 'layers'),
        /** Its own of the task's files, if it asks for any. */
        files: join(directory, 'files'),
        exitFile: join(run, 'exits', id),
        exitDraft: join(directory, 'exit'),
        state: join(run, 'crun', id),
        startFifo: join(run, 'crun', id, 'exec.fifo'),
        log: join(data, 'logs', taskId, `${name}.log`),
        cgroup: `${instance}/${taskId}/${name}`,
      };
    },
  };
}

const longestNamePart = 24;

/** crun's name for a container; a long container name is cut, and kept unique by a part of its hash. */
export function containerId(taskId: string, name: string): string {
  if (name.length <= longestNamePart) return `${taskId}.${name}`;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${taskId}.${name.slice(0, longestNamePart - 9)}.${hash}`;
}
