import { describe, expect, it } from 'vitest';
import { keyBytes, nonceBytes, open, seal } from './envelope.js';

const key = Buffer.alloc(keyBytes, 1);
const nonce = Buffer.alloc(nonceBytes, 2);
const value = Buffer.from('correct horse');

describe('a sealed value', () => {
  const sealed = seal(key, nonce, 'here', value);

  it('is opened by its key, for what it belongs to', () => {
    expect(open(key, 'here', sealed)).toEqual(value);
    expect(sealed.includes(value)).toBe(false);
  });

  it.each([
    ['with another key', () => open(Buffer.alloc(keyBytes, 9), 'here', sealed)],
    ['for another place', () => open(key, 'there', sealed)],
    ['when a byte was changed', () => open(key, 'here', Buffer.from(sealed.map((byte, at) => (at === nonceBytes + 3 ? byte ^ 1 : byte))))],
    ['when it was cut off', () => open(key, 'here', sealed.subarray(0, -1))],
    ['when it is nothing', () => open(key, 'here', Buffer.alloc(0))],
  ])('is not opened %s', (_, attempt) => {
    expect(attempt).toThrow();
  });

  it('may be empty', () => {
    expect(open(key, 'here', seal(key, nonce, 'here', Buffer.alloc(0)))).toEqual(Buffer.alloc(0));
  });
});
