import { expect, it } from 'vitest';
import { isDatabaseUnavailable } from './unavailable.js';

const error = (properties: object, message = 'x') => Object.assign(new Error(message), properties);

it.each([
  ['a refused connection', error({ code: 'ECONNREFUSED' })],
  ['several refused connections', new AggregateError([error({ code: 'ECONNREFUSED' })])],
  ['what typeorm wraps', error({ driverError: error({ code: '57P01' }) })],
  ['a cause', new Error('x', { cause: error({ code: '08006' }) })],
  ['too many connections', error({ code: '53300' })],
  ['a statement that took too long', error({ code: '57014' })],
  ['a cut connection', error({}, 'Connection terminated unexpectedly')],
  [
    'a transaction that lost its connection',
    error({}, 'Database connection provided by a query runner was already released, cannot continue'),
  ],
  ['a pool without a free connection', error({}, 'timeout exceeded when trying to connect')],
])('%s passes by itself', (_, thrown) => {
  expect(isDatabaseUnavailable(thrown)).toBe(true);
});

it.each([
  ['a syntax error', error({ code: '42601' })],
  ['a violated constraint', error({ code: '23505' })],
  ['anything else', new Error('Connection to the moon terminated')],
  ['no error', 'ECONNREFUSED'],
  ['nothing', undefined],
])('%s does not', (_, thrown) => {
  expect(isDatabaseUnavailable(thrown)).toBe(false);
});
