// Makes dist/berth.js, one file that needs nothing but Node. `npm run bundle -w cli`.
import { chmod } from 'node:fs/promises';
import { build } from 'esbuild';

const outfile = new URL('dist/berth.js', import.meta.url).pathname;
await build({
  entryPoints: [new URL('src/main.ts', import.meta.url).pathname],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  minify: true,
  keepNames: true,
  legalComments: 'linked',
  // commander and cli-table3 are CommonJS and require Node's own modules.
  banner: { js: "#!/usr/bin/env node\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  metafile: process.argv.includes('--analyse'),
});
await chmod(outfile, 0o755);
