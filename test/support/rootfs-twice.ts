// Makes the root file system of one container twice, before the first's unmount of the store has had its turn; for
// test/host/rootfs.spec.ts, in a mount namespace of its own. Prints where the store was mounted, and what is left at the end.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { mountsBelow } from '../../agent/src/runtime/mounts-below.js';
import { cleanupRootfs, prepareRootfs } from '../../agent/src/runtime/rootfs.js';

const [directory = '', holder = ''] = process.argv.slice(2);
const store = join(directory, 'store');
mkdirSync(join(store, 'l/one'), { recursive: true });
const at = { rootfs: join(directory, 'container/rootfs'), layers: join(directory, 'container/layers') };
const userNamespace = openSync(`/proc/${holder}/ns/user`, 'r');
for (const writable of ['first', 'second'].map((name) => join(directory, name)))
  prepareRootfs(at, { store, layers: ['one'], writable, ids: { first: 100_000, size: 65_536 }, userNamespace });
const mounted = mountsBelow(directory).filter((target) => target.startsWith(at.layers));
await cleanupRootfs(at);
closeSync(userNamespace);
process.stdout.write(JSON.stringify({ mounted, left: mountsBelow(directory) }));
