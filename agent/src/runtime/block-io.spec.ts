import { expect, it } from 'vitest';
import { blockIoWeightOf } from './block-io.js';

it.each([
  [['[none] mq-deadline kyber bfq', 'mq-deadline [bfq] none'], '', 'bfq'],
  [['[none] bfq'], '', 'none'],
  [['[none]'], '254:0 enable=1 ctrl=auto', 'iocost'],
  [['[none]'], '254:0 enable=0 ctrl=auto', 'none'],
  [[], '', 'none'],
] as const)('schedulers %j and io.cost.qos %j: %s', (schedulers, costQos, expected) => {
  expect(blockIoWeightOf(schedulers, costQos)).toBe(expected);
});
