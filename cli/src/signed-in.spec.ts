import { expect, it } from 'vitest';
import { contextNameOf, withKey, withoutKeys } from './signed-in.js';

const there = { name: 'prod', url: 'https://berth.example', key: 'k', role: 'developer' as const };

it('makes a context current, and leaves the others', () => {
  const file = { current: 'local', contexts: { local: { url: 'http://127.0.0.1:7070', apiKey: 'l' } } };
  const prod = { url: there.url, apiKey: 'k' };
  expect(withKey(file, there)).toEqual({ current: 'prod', contexts: { ...file.contexts, prod } });
  expect(withKey(null, there)).toEqual({ current: 'prod', contexts: { prod } });
});

it('keeps the key for the other role, but not for another place', () => {
  const before = { contexts: { prod: { url: there.url, operatorKey: 'o' } } };
  expect(withKey(before, there).contexts.prod).toEqual({ url: there.url, operatorKey: 'o', apiKey: 'k' });
  expect(withKey(before, { ...there, url: 'https://other.example' }).contexts.prod).toEqual({ url: 'https://other.example', apiKey: 'k' });
  expect(withKey(before, { ...there, role: 'operator' }).contexts.prod).toEqual({ url: there.url, operatorKey: 'k' });
});

it('forgets keys, and stays', () => {
  expect(withoutKeys({ contexts: { prod: { url: there.url, apiKey: 'k', operatorKey: 'o' } } }, 'prod').contexts.prod).toEqual({
    url: there.url,
  });
  expect(contextNameOf('https://berth.example:7070/x')).toBe('berth.example');
});
