// Writes an image as an OCI image layout (github.com/opencontainers/image-spec, image-layout.md), from directories
// that become its layers. The same files give the same digest, whenever and wherever they are packed, so an image
// that is made anew is still the one that definitions were pinned to.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ImageConfig {
  readonly Env: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

// Owner, order and times are fixed; so is gzip's header (-n).
const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

/**
 * Writes the image to `layout` (replacing what is there). `layers` are directories, lowest first; `keepOwners` is for
 * a whole system whose files have more than one owner.
 */
export async function writeLayout(layout: string, layers: readonly string[], config: ImageConfig, keepOwners = false): Promise<void> {
  await rm(layout, { recursive: true, force: true });
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  const packed = [];
  for (const layer of layers) packed.push(await packLayer(layout, layer, keepOwners));
  const image = {
    created: '1970-01-01T00:00:00Z',
    architecture: architectures[process.arch] ?? process.arch,
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: packed.map(({ diffId }) => diffId) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: await writeJson(layout, mediaTypes.config, image),
    layers: packed.map(({ descriptor }) => descriptor),
  };
  const index = { schemaVersion: 2, manifests: [await writeJson(layout, mediaTypes.manifest, manifest)] };
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
}

async function packLayer(layout: string, directory: string, keepOwners: boolean): Promise<{ diffId: string; descriptor: Descriptor }> {
  const tar = join(layout, 'layer.tar');
  const owners = keepOwners ? reproducible.filter((option) => !/^--(owner|group)=/.test(option)) : reproducible;
  await run('tar', [...owners, '-C', directory, '-cf', tar, '.']);
  const diffId = await sha256(tar);
  await run('gzip', ['-n', '-4', '-f', tar]);
  return { diffId, descriptor: await keepBlob(layout, mediaTypes.layer, `${tar}.gz`) };
}

async function writeJson(layout: string, mediaType: string, value: object): Promise<Descriptor> {
  const file = join(layout, 'blob.json');
  await writeFile(file, JSON.stringify(value));
  return keepBlob(layout, mediaType, file);
}

async function keepBlob(layout: string, mediaType: string, file: string): Promise<Descriptor> {
  const digest = await sha256(file);
  const { size } = await stat(file);
  await rename(file, join(layout, 'blobs/sha256', digest.slice('sha256:'.length)));
  return { mediaType, digest, size };
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}
