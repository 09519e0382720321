import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';

// Tests read the contract's source, so that they never see a stale build of it.
const alias = { '@berth/contract': new URL('./contract/src/index.ts', import.meta.url).pathname };
// esbuild emits no decorator metadata, which Nest's injection needs.
const plugins = [swc.vite({ module: { type: 'es6' } })];
const cluster = ['test/support/cluster.ts'];

const project = (name: string, include: string[], more: object = {}) => ({
  plugins,
  resolve: { alias },
  test: { name, include, exclude: ['**/node_modules/**', '**/dist/**'], ...more },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', ['{src,contract,agent,cli}/**/*.spec.ts', 'test/{rules,bench,support}/**/*.spec.ts']),
      project('db', ['test/db/**/*.spec.ts'], { globalSetup: cluster, testTimeout: 20_000 }),
      project('e2e', ['test/e2e/**/*.spec.ts'], { globalSetup: cluster, testTimeout: 60_000, hookTimeout: 60_000 }),
      // Real containers on this machine: one file at a time, as root.
      project('host', ['test/host/**/*.spec.ts'], {
        globalSetup: cluster,
        testTimeout: 120_000,
        hookTimeout: 180_000,
        fileParallelism: false,
      }),
      // What is promised when things break, on real containers, with a watcher of /proc as the judge.
      project('faults', ['test/faults/**/*.spec.ts'], {
        globalSetup: cluster,
        testTimeout: 120_000,
        hookTimeout: 180_000,
        fileParallelism: false,
      }),
      // Attacks from inside of containers and sandboxes, each with its control that succeeds where the defence is off.
      project('security', ['test/security/**/*.spec.ts'], {
        globalSetup: cluster,
        testTimeout: 120_000,
        hookTimeout: 180_000,
        fileParallelism: false,
      }),
      // A virtual machine with cgroup v2, emulated where there is no KVM; only when asked for (bin/test vm).
      project('vm', ['test/vm/**/*.spec.ts'], {
        globalSetup: [...cluster, 'test/vm/image.ts'],
        testTimeout: 600_000,
        hookTimeout: 900_000,
        fileParallelism: false,
      }),
    ],
  },
});
