// Which NVIDIA GPUs the machine has. Where their driver is loaded it names them; else the PCI bus does, by number.
import { join } from 'node:path';
import { namesIn, readOrEmpty } from './records.js';

const nvidia = '0x10de';
/** Display controllers: with a screen's output, and without. */
const displays = ['0x0300', '0x0302'];

/** @param root of the file system, for tests. @returns a model for each GPU; at best the name that people know it by. */
export function findGpus(root = '/'): string[] {
  const named = entries(join(root, 'proc/driver/nvidia/gpus')).flatMap((gpu) => modelIn(readOrEmpty(join(gpu, 'information'))) ?? []);
  return named.length > 0 ? named : entries(join(root, 'sys/bus/pci/devices')).flatMap((device) => pciModel(device) ?? []);
}

/** Attributes of a host with these GPUs. One with several models names none: it can't be told which one a task would get. */
export function gpuAttributes(models: readonly string[]): Record<string, string> {
  if (models.length === 0) return {};
  const [model = '', ...others] = new Set(models);
  return { gpus: String(models.length), ...(others.length === 0 && { gpuModel: model }) };
}

/** `Model: 	 NVIDIA A100-SXM4-40GB` as `A100-SXM4-40GB`: a word, as models are asked for. */
export function modelIn(information: string): string | null {
  const name = /^Model:[ \t]*(.+)$/m.exec(information)?.[1] ?? '';
  const word = name
    .replace(/^NVIDIA /i, '')
    .replace(/^Tesla /i, '')
    .trim()
    .replace(/[^a-zA-Z0-9._-]+/g, '-')
    .replace(/^[^a-zA-Z0-9]+/, '')
    .slice(0, 64);
  return word === '' ? null : word;
}

function pciModel(device: string): string | null {
  const of = (file: string) => readOrEmpty(join(device, file)).trim().toLowerCase();
  if (of('vendor') !== nvidia || !displays.some((kind) => of('class').startsWith(kind))) return null;
  const id = /^0x([0-9a-f]{4})$/.exec(of('device'))?.[1];
  return id ? `pci-${id}` : null;
}

function entries(directory: string): string[] {
  return namesIn(directory)
    .sort()
    .map((name) => join(directory, name));
}
