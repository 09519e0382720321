import { expect, it } from 'vitest';
import { countersIn } from './counter-list.js';

it('reads what nft prints', () => {
  const printed = `{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
    {"counter": {"family": "ip", "name": "sent_a", "table": "berth", "handle": 5, "packets": 3, "bytes": 300}},
    {"counter": {"family": "ip", "name": "sent_b", "table": "berth", "handle": 6, "packets": 0, "bytes": 0}}]}`;
  expect([...countersIn(printed)]).toEqual([
    ['sent_a', 300],
    ['sent_b', 0],
  ]);
});
