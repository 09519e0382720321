// The bill in docs/billing.md is what the code makes of it.
import { expect, it } from 'vitest';
import { exampleBill } from '../support/example-bill.js';
import { read } from './tree.js';

it('docs/billing.md shows what `node --import tsx test/support/example-bill.ts` prints', () => {
  expect(read('docs/billing.md')).toContain(exampleBill());
});
