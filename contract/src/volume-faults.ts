// What can't be between a task's volumes and its containers' mount points. Pure.
import type { MountPoint, TaskVolume } from './volume.js';

interface Container {
  readonly mountPoints?: readonly MountPoint[] | undefined;
  readonly tmpfs?: readonly { readonly path: string }[] | undefined;
  readonly secretFiles?: readonly { readonly path: string }[] | undefined;
  readonly workingDirectory?: string | undefined;
}

interface Definition {
  readonly volumes?: readonly TaskVolume[] | undefined;
  readonly containers: readonly Container[];
}

interface VolumeFault {
  readonly path: (string | number)[];
  readonly message: string;
}

export function volumeFaults({ volumes = [], containers }: Definition): VolumeFault[] {
  const names = new Set(volumes.map(({ name }) => name));
  return [
    ...volumes.flatMap((volume, index) =>
      ownFaults(volume, volumes.slice(0, index), containers).map((fault) => at(['volumes', index], fault)),
    ),
    ...containers.flatMap((container, index) => containerFaults(container, names).map((fault) => at(['containers', index], fault))),
  ];
}

function at(path: (string | number)[], fault: VolumeFault): VolumeFault {
  return { ...fault, path: [...path, ...fault.path] };
}

function ownFaults(volume: TaskVolume, before: readonly TaskVolume[], containers: readonly Container[]): VolumeFault[] {
  const faults: VolumeFault[] = [];
  if (before.some(({ name }) => name === volume.name)) faults.push({ path: ['name'], message: `"${volume.name}" is used twice` });
  const twin = volume.volume === undefined ? undefined : before.find((other) => other.volume === volume.volume);
  if (twin) faults.push({ path: ['volume'], message: `${volume.volume} is there already, as "${twin.name}"` });
  if (!containers.some(({ mountPoints = [] }) => mountPoints.some((point) => point.volume === volume.name)))
    faults.push({ path: ['name'], message: `no container has a mount point for "${volume.name}"` });
  return faults;
}

function containerFaults(container: Container, names: ReadonlySet<string>): VolumeFault[] {
  const { mountPoints = [], tmpfs = [], secretFiles = [], workingDirectory } = container;
  const targets = [
    ...mountPoints.map(({ containerPath }, index) => ({ target: containerPath, path: ['mountPoints', index, 'containerPath'] })),
    ...tmpfs.map(({ path }, index) => ({ target: path, path: ['tmpfs', index, 'path'] })),
    ...secretFiles.map(({ path }, index) => ({ target: path, path: ['secretFiles', index, 'path'] })),
    ...(workingDirectory === undefined ? [] : [{ target: workingDirectory, path: ['workingDirectory'] }]),
  ];
  return [
    ...mountPoints
      .map(({ volume }, index) => ({ volume, path: ['mountPoints', index, 'volume'] }))
      .filter(({ volume }) => !names.has(volume))
      .map(({ volume, path }) => ({ path, message: `the task has no volume "${volume}"` })),
    ...targets.flatMap(({ target, path }) => {
      const outer = mountPoints.find(({ containerPath }) => target.startsWith(`${containerPath}/`));
      return outer ? [{ path, message: `lies in the volume on ${outer.containerPath}, ${whyNot(path)}` }] : [];
    }),
  ];
}

/** What is in a volume, links included, is whatever somebody wrote there a moment ago. */
function whyNot(path: readonly (string | number)[]): string {
  return path[0] === 'workingDirectory' ? 'where only the volume itself can be the working directory' : 'where nothing else can be mounted';
}
