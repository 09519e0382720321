// Reads what skopeo has put into the image store (containers-storage, overlay driver). Its files are JSON; reading
// them spares a program start of tens of milliseconds per task.
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeptImage, KeptLayer } from './image-choice.js';
import type { Paths } from './paths.js';

/** The part of an OCI image's configuration that a container takes its defaults from. */
export interface ImageConfig {
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly user: string;
  readonly workingDirectory: string;
  readonly stopSignal: string | null;
}

export interface Image {
  readonly digest: string;
  readonly config: ImageConfig;
  /** Short names of its layers below `overlay/l/`, the topmost first. */
  readonly layers: readonly string[];
}

interface StoredImage {
  readonly id: string;
  readonly names?: readonly string[];
  readonly layer?: string;
}

interface StoredLayer {
  readonly id: string;
  readonly parent?: string;
  readonly created?: string;
  readonly flags?: { readonly incomplete?: boolean };
}

/** The name an image has in our store. Its digest says everything; where it came from may change. */
export function storeName(digest: string): string {
  return `berth.local/${digest.replace('sha256:', '')}:latest`;
}

function digestIn(name: string): string | null {
  const hex = /^berth\.local\/([0-9a-f]{64}):latest$/.exec(name)?.[1];
  return hex ? `sha256:${hex}` : null;
}

export async function keptImages(paths: Paths): Promise<KeptImage[]> {
  return (await storedImages(paths)).map(({ id, names = [], layer = null }) => ({
    id,
    digest: names.map(digestIn).find((digest) => digest !== null) ?? null,
    topLayer: layer,
  }));
}

export async function keptLayers(paths: Paths): Promise<KeptLayer[]> {
  const stored = (await readList(join(paths.images, 'overlay-layers', 'layers.json'))) as StoredLayer[];
  return stored.map(({ id, parent, created, flags }) => ({
    id,
    parent: parent || null,
    createdMs: Date.parse(created ?? '') || 0,
    unfinished: flags?.incomplete ?? false,
  }));
}

/** The store writes its lists whole, by renaming. */
async function readList(file: string): Promise<unknown[]> {
  const none = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '[]';
  };
  return JSON.parse(await readFile(file, 'utf8').catch(none)) as unknown[];
}

const storedImages = (paths: Paths) => readList(join(paths.images, 'overlay-images', 'images.json')) as Promise<StoredImage[]>;

/** @returns the image, or null if the store doesn't have it whole. */
export async function readImage(paths: Paths, digest: string): Promise<Image | null> {
  const stored = (await storedImages(paths)).find((image) => image.names?.includes(storeName(digest)));
  if (!stored?.layer) return null;
  const key = Buffer.from(`sha256:${stored.id}`).toString('base64');
  const config = await readFile(join(paths.images, 'overlay-images', stored.id, `=${key}`), 'utf8');
  return { digest, config: parseImageConfig(config), layers: await layersOf(paths, stored.layer) };
}

/** `link` is a layer's short name, `lower` the names of all layers below it, as `l/NAME` separated by colons. */
async function layersOf(paths: Paths, top: string): Promise<string[]> {
  const directory = join(paths.layers, top);
  const link = await readFile(join(directory, 'link'), 'utf8');
  const lower = await readFile(join(directory, 'lower'), 'utf8').catch(() => '');
  const layers = [
    link.trim(),
    ...lower
      .trim()
      .split(':')
      .filter(Boolean)
      .map((name) => name.replace(/^l\//, '')),
  ];
  for (const layer of layers) await readlink(join(paths.layers, 'l', layer));
  return layers;
}

/** Takes the defaults out of an OCI image configuration (also Docker's). Anything of the wrong type counts as absent. */
export function parseImageConfig(text: string): ImageConfig {
  const config = record(record(JSON.parse(text)).config);
  return {
    entryPoint: strings(config.Entrypoint),
    command: strings(config.Cmd),
    environment: strings(config.Env),
    user: string(config.User),
    workingDirectory: string(config.WorkingDir),
    stopSignal: string(config.StopSignal) || null,
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
