// Calls that open the kernel up are refused, in both tiers. The control of each is the same call by root of the host, who
// gets another answer: where this kernel refuses it to root as well, nothing is proven and the probe is skipped.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Isolation } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AttackHost, attackHost, skipWithout, tierSize, tiers } from '../support/attack-host.js';
import { containerSpec, runToEnd, taskSpec } from '../support/runtime-task.js';
import { noSuchCall, ordinaryCalls, probeProgram, systemCallProbes } from '../support/system-call-probes.js';

const run = promisify(execFile);
const [eperm, eacces, enosys, eafnosupport] = [1, 13, 38, 97];
const refusals: readonly (number | undefined)[] = [eperm, eacces, enosys, eafnosupport];

let host: AttackHost;
let byRoot: number[];
const inside = new Map<Isolation, Promise<number[]>>();

beforeAll(async () => {
  host = await attackHost();
  byRoot = errnosIn((await run('perl', ['-e', probeProgram(systemCallProbes)])).stdout);
});
afterAll(() => host?.destroy());

const errnosIn = (text: string) => text.trim().split('\n').map(Number);

/** All probes of a tier in one container. */
function errnosOf(tier: Isolation): Promise<number[]> {
  const known = inside.get(tier);
  if (known) return known;
  const task = taskSpec([containerSpec(host.image, ['perl', '-e', probeProgram(systemCallProbes)])], tierSize(tier));
  const found = runToEnd(host.runtime, task).then(({ stdout }) => errnosIn(stdout));
  inside.set(tier, found);
  return found;
}

for (const tier of tiers) {
  for (const [index, { what }] of systemCallProbes.entries()) {
    it(`probe ${tier}: ${what} is refused`, async (context) => {
      skipWithout(tier, context);
      if (tier === 'sandbox' && what.startsWith('mknod')) context.skip('a device made in gVisor is one of its own kernel, not the host’s');
      if (what !== noSuchCall && refusals.includes(byRoot[index])) context.skip('this kernel refuses it to root of the host too');
      expect(refusals).toContain((await errnosOf(tier))[index]);
    });
  }

  it(`probe ${tier}: ordinary calls are allowed (control of the filter)`, async (context) => {
    skipWithout(tier, context);
    const { stdout } = await runToEnd(
      host.runtime,
      taskSpec([containerSpec(host.image, ['perl', '-e', probeProgram(ordinaryCalls)])], tierSize(tier)),
    );
    // Neither EPERM nor ENOSYS; gVisor does not take every argument that Linux does.
    if (tier === 'sandbox') expect(errnosIn(stdout).filter((errno) => errno === 1 || errno === 38)).toEqual([]);
    else expect(errnosIn(stdout)).toEqual(ordinaryCalls.map(() => 0));
  });
}
