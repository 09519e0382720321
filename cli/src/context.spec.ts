import { describe, expect, test } from 'vitest';
import { type ContextFile, chooseContext } from './context.js';

const file: ContextFile = {
  current: 'local',
  contexts: {
    local: { url: 'http://127.0.0.1:7070', apiKey: 'local-key', operatorKey: 'local-operator' },
    production: { url: 'https://berth.example.com/', apiKey: 'production-key' },
  },
};

describe('chooseContext', () => {
  test('the current one of the file', () => {
    expect(chooseContext(file, {})).toEqual({
      name: 'local',
      url: 'http://127.0.0.1:7070',
      apiKey: 'local-key',
      operatorKey: 'local-operator',
    });
  });

  test('the flag wins over the environment', () => {
    const chosen = chooseContext(file, { context: 'production', url: 'http://other', apiKey: 'other' });
    expect(chosen).toEqual({ name: 'production', url: 'https://berth.example.com', apiKey: 'production-key', operatorKey: null });
  });

  test('the environment needs no file', () => {
    expect(chooseContext(null, { url: 'http://a:1', apiKey: 'k' })).toMatchObject({ url: 'http://a:1', apiKey: 'k', operatorKey: null });
  });

  test('keys of the file do not go to another URL', () => {
    expect(chooseContext(file, { url: 'http://evil:7070' })).toMatchObject({ apiKey: null, operatorKey: null });
    expect(chooseContext(file, { url: 'http://127.0.0.1:7070/' })).toMatchObject({ apiKey: 'local-key', operatorKey: 'local-operator' });
  });

  test('a key of the environment goes to the file’s URL', () => {
    expect(chooseContext(file, { apiKey: 'mine' })).toMatchObject({ url: 'http://127.0.0.1:7070', apiKey: 'mine' });
  });

  test.each([
    ['nothing is set up', null, {}, 'No Berth is set up here.'],
    ['an unknown name', file, { context: 'x' }, 'There is no context "x".'],
    ['a current one that is gone', { ...file, current: 'gone' }, {}, 'The current context "gone" is not in the file.'],
    ['no URL', null, { url: 'localhost:7070' }, '"localhost:7070" is not the URL of a Berth.'],
  ])('%s is a failure that says what to do', (_, from, overrides, message) => {
    expect(() => chooseContext(from, overrides)).toThrow(
      expect.objectContaining({ message, exitCode: 2, hint: expect.stringMatching(/\w/) }),
    );
  });
});
