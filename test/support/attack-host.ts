// Where attacks are made from: a runtime with an image that has perl, which can make any system call, and the same in
// each isolation tier.
import { existsSync } from 'node:fs';
import type { Isolation } from '@berth/contract';
import type { TestContext } from 'vitest';
import { copyLibraries } from './copy-libraries.js';
import { startRegistry, type TestImage, type TestRegistry } from './registry.js';
import { type RuntimeHost, runtimeHost, type TestOptions } from './runtime-host.js';

export interface AttackHost {
  readonly runtime: RuntimeHost;
  /** busybox and perl. */
  readonly image: string;
  readonly registryAddress: string;
  push(name: string, image: TestImage): Promise<string>;
  destroy(): Promise<void>;
}

/** Copies perl with its libraries from this machine, which is the container's kind of machine. */
const withPerl = `
${copyLibraries('$m', '/usr/bin/perl')}
cp /usr/bin/perl $m/bin/perl
`;

export async function attackHost(options: TestOptions = {}, script = ''): Promise<AttackHost> {
  const registry: TestRegistry = await startRegistry();
  const image = await registry.push('perl', { script: withPerl + script });
  const runtime = await runtimeHost({ insecureRegistries: [registry.address], ...options });
  await runtime.call.start([]);
  return {
    runtime,
    image,
    registryAddress: registry.address,
    push: (name, content) => registry.push(name, content),
    destroy: async () => {
      await runtime.destroy();
      await registry.stop();
    },
  };
}

export const tiers: readonly Isolation[] = ['container', 'sandbox'];

/** Of a tier that this machine can't have. */
export function skipWithout(tier: Isolation, context: TestContext): void {
  if (tier === 'sandbox' && !existsSync('/usr/bin/runsc')) context.skip('this machine has no runsc (gVisor)');
}

/** Memory that leaves gVisor's kernel room beside the attack. */
export const tierSize = (tier: Isolation) => ({ isolation: tier, memoryMiB: tier === 'sandbox' ? 256 : 64 });
