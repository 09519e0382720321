// Closes all months that are over, in a process of its own, so that its memory is its own: started by billing.ts.
// Arguments: the database, and the time that it is. Prints how long it took and the most memory that it held.
import { DataSource } from 'typeorm';
import { newInvoicing } from '../support/invoicing.js';

const [url = '', now = ''] = process.argv.slice(2);
const source = await new DataSource({ type: 'postgres', url, poolSize: 20 }).initialize();
const began = performance.now();
const closed = await newInvoicing(source, { logLevel: 'error' }).job.run(new Date(now));
const closeSeconds = (performance.now() - began) / 1000;
await source.destroy();
process.stdout.write(`${JSON.stringify({ closed, closeSeconds, peakRssMiB: process.resourceUsage().maxRSS / 1024 })}\n`);
