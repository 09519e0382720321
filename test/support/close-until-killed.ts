// Closes all months that are over, in a process that a test kills: see test/db/invoicing-killed.spec.ts.
import { DataSource } from 'typeorm';
import { newInvoicing } from './invoicing.js';

const [url = '', now = '', stripeUrl = ''] = process.argv.slice(2);
const source = await new DataSource({ type: 'postgres', url, poolSize: 4 }).initialize();
const berth = newInvoicing(source, stripeUrl === '' ? {} : { stripe: { key: 'sk_test_of_the_tests', url: stripeUrl } });
process.stdout.write('ready\n');
await berth.job.run(new Date(now));
await berth.stripe.exportAll();
process.stdout.write('done\n');
await source.destroy();
