// What can't be between a container's own fields for mounts and secrets. Pure.
interface StorageUses {
  readonly secretFiles?: readonly { readonly path: string }[] | undefined;
  readonly secrets?: readonly { readonly name: string }[] | undefined;
  readonly tmpfs?: readonly { readonly path: string }[] | undefined;
  readonly mountPoints?: readonly { readonly containerPath: string }[] | undefined;
}

interface StorageFault {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Two things on one path, or one variable given twice. */
export function storageFaults(definition: { readonly containers: readonly StorageUses[] }): StorageFault[] {
  return definition.containers.flatMap(({ secretFiles = [], secrets = [], tmpfs = [], mountPoints = [] }, index) => {
    const at = ['containers', index];
    const targets = [
      ...tmpfs.map(({ path }, place) => ({ path, at: [...at, 'tmpfs', place, 'path'] })),
      ...mountPoints.map(({ containerPath }, place) => ({ path: containerPath, at: [...at, 'mountPoints', place, 'containerPath'] })),
      ...secretFiles.map(({ path }, place) => ({ path, at: [...at, 'secretFiles', place, 'path'] })),
    ];
    const names = secrets.map(({ name }) => name);
    return [
      ...targets
        .filter((target, place) => targets.findIndex(({ path }) => path === target.path) < place)
        .map((target) => ({ path: target.at, message: `something else is mounted on ${target.path}` })),
      ...names.flatMap((name, place) =>
        names.indexOf(name) < place ? [{ path: [...at, 'secrets', place, 'name'], message: `"${name}" is given twice` }] : [],
      ),
    ];
  });
}
