// A scheduler in a process of its own, for tests that kill it: `node --import tsx scheduler-process.ts URL NAME`.
import { startReplica } from './scheduler-replica.js';

const [databaseUrl = '', name = ''] = process.argv.slice(2);
await startReplica(databaseUrl, name, { leaseMs: 1500 });
process.send?.('up');
