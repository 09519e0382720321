import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findGpus, gpuAttributes, modelIn } from './gpus.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-gpus-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const pci = (address: string, vendor: string, kind: string, device: string) =>
  write({
    [`sys/bus/pci/devices/${address}/vendor`]: `${vendor}\n`,
    [`sys/bus/pci/devices/${address}/class`]: `${kind}\n`,
    [`sys/bus/pci/devices/${address}/device`]: `${device}\n`,
  });
const information = (model: string) => `Model: \t\t ${model}\nIRQ:   \t\t 85\nGPU UUID: \t GPU-1\nDevice Minor: \t 0\n`;

describe('the GPUs of a machine', () => {
  it('are none where there are none', () => {
    expect(findGpus(root)).toEqual([]);
    expect(gpuAttributes([])).toEqual({});
  });

  it('are those that the driver names', () => {
    write({
      'proc/driver/nvidia/gpus/0000:00:1e.0/information': information('Tesla T4'),
      'proc/driver/nvidia/gpus/0000:00:1f.0/information': information('NVIDIA T4'),
    });
    pci('0000:00:1e.0', '0x10de', '0x030200', '0x1eb8');
    expect(findGpus(root)).toEqual(['T4', 'T4']);
    expect(gpuAttributes(findGpus(root))).toEqual({ gpus: '2', gpuModel: 'T4' });
  });

  it('are on the PCI bus where no driver is loaded; other makers’ and other devices don’t count', () => {
    pci('0000:00:01.0', '0x10de', '0x030200', '0x20b0');
    pci('0000:00:02.0', '0x10de', '0x030000', '0x1eb8');
    pci('0000:00:03.0', '0x10de', '0x040300', '0x10f8');
    pci('0000:00:04.0', '0x1af4', '0x030000', '0x1050');
    write({ 'sys/bus/pci/devices/0000:00:05.0/vendor': '0x10de\n' });
    expect(findGpus(root)).toEqual(['pci-20b0', 'pci-1eb8']);
    expect(gpuAttributes(findGpus(root))).toEqual({ gpus: '2' });
  });

  it.each([
    [information('NVIDIA A100-SXM4-40GB'), 'A100-SXM4-40GB'],
    [information('NVIDIA GeForce RTX 4090'), 'GeForce-RTX-4090'],
    [information('Unknown'), 'Unknown'],
    [information('  '), null],
    ['', null],
  ])('%j: %j', (text, model) => {
    expect(modelIn(text)).toBe(model);
  });
});
