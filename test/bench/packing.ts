// `npm run bench -- packing`: how many hosts Berth needs for a workload, beside other rules on the same workload in the same
// run. docs/placement.md tells what is measured and how to read it.
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { MachineSize } from './machine-sizes.js';
import { BerthPacker } from './packing/berth-packer.js';
import { allocateGpus, gpuHostsOf, podHeader, podsOf } from './packing/gpu-fleet.js';
import { type Packed, type Packer, replay } from './packing/replay.js';
import { policies, ScanPacker } from './packing/scan-packer.js';
import { type Machine, machinesOf, makeUp, readCsv } from './packing/workload.js';
import { printResult, printTable } from './report.js';

const gpuHostsFile = 'openb_node_list_all_node.csv';

/** @throws Error when the words are wrong or the trace can't be read. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      trace: { type: 'string' },
      'host-cores': { type: 'string', default: '32' },
      'host-mem-gib': { type: 'string', default: '128' },
      defrag: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const csv = values.trace === undefined ? null : readCsv(values.trace);
  if (values.trace !== undefined && csv?.header.startsWith(podHeader)) {
    packGpus(podsOf(csv.rows), join(dirname(values.trace), gpuHostsFile), values.json);
    return;
  }
  const host = {
    cpuMillis: whole('--host-cores', values['host-cores']) * 1000,
    memoryMiB: whole('--host-mem-gib', values['host-mem-gib']) * 1024,
  };
  pack(csv ? machinesOf(csv) : makeUp(whole('--seed', values.seed)), host, values.defrag, values.json);
}

function pack(machines: readonly Machine[], host: MachineSize, defragment: boolean, json: boolean): void {
  const results: Record<string, Packed> = {};
  const measure = (name: string, packer: Packer) => {
    results[name] = replay(machines, packer, host);
  };
  measure('berth', new BerthPacker(host, defragment));
  for (const [name, badness] of Object.entries(policies)) measure(name, new ScanPacker(badness, host));
  process.stdout.write(`${machines.length} machines on hosts of ${host.cpuMillis / 1000} cores and ${host.memoryMiB / 1024} GiB\n`);
  printTable(
    ['hosts over the bound', 'average', 'peak', 'moves'],
    Object.entries(results).map(([name, { averageOverBoundPercent, peakOverBoundPercent, moves }]) => [
      name,
      `+${averageOverBoundPercent.toFixed(2)} %`,
      `+${peakOverBoundPercent.toFixed(2)} %`,
      `${moves}`,
    ]),
  );
  printResult(results, json);
}

function packGpus(pods: Parameters<typeof allocateGpus>[1], hostsFile: string, json: boolean): void {
  const results = allocateGpus(gpuHostsOf(readCsv(hostsFile)), pods);
  printTable(
    ['GPUs given out at 130 % demand', 'mean', 'by seed'],
    Object.entries(results).map(([name, { gpusAllocatedPercent, perSeed }]) => [name, `${gpusAllocatedPercent} %`, perSeed.join('  ')]),
  );
  printResult(results, json);
}

function whole(option: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`${option} takes a whole number above 0, not ${text}.`);
  return Number(text);
}
