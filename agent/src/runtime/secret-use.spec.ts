import { describe, expect, it } from 'vitest';
import { containerSpec } from '../../test/tasks.js';
import { environmentWithSecrets, parseEnvironmentFile, secretFilesOf } from './secret-use.js';

const values = (texts: Record<string, string>) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text).toString('base64')]));

describe('a container’s environment', () => {
  it('has secrets over its own variables, and those over environment files', () => {
    const container = containerSpec({
      environment: { OWN: 'own', BOTH: 'own', ALL: 'own' },
      environmentFiles: ['file'],
      secrets: [{ name: 'ALL', from: 'password:2' }],
    });
    expect(environmentWithSecrets(container, values({ file: 'BOTH=file\nFILE=file\nALL=file', 'password:2': 'secret' }))).toEqual({
      OWN: 'own',
      BOTH: 'own',
      FILE: 'file',
      ALL: 'secret',
    });
  });

  it.each([
    ['is missing', {}, 'the secret password does not exist any more'],
    ['has a NUL character', { password: 'hun\0ter2' }, 'the secret password has a NUL character'],
  ])('says which secret %s, without its value', (_, given, says) => {
    const container = containerSpec({ secrets: [{ name: 'A', from: 'password' }] });
    const attempt = () => environmentWithSecrets(container, values(given));
    expect(attempt).toThrow(says);
    expect(attempt).not.toThrow('ter2');
  });
});

describe('an environment file', () => {
  it('is lines of NAME=value', () => {
    expect(parseEnvironmentFile('f', '# comment\n\nA=1\r\nB= x=y #z\nC=')).toEqual([
      ['A', '1'],
      ['B', ' x=y #z'],
      ['C', ''],
    ]);
  });

  it.each(['A', '=x'])('refuses %s without repeating it', (line) => {
    expect(() => parseEnvironmentFile('f', `OK=1\n${line}`)).toThrow(/^line 2 of its environment file f is not NAME=value$/);
  });
});

describe('secret files', () => {
  it('have the bytes, the mode and the owner', () => {
    const container = containerSpec({ secretFiles: [{ path: '/run/key', from: 'key', mode: '0440', uid: 5, gid: 6 }] });
    expect(secretFilesOf(container, { key: Buffer.from([0, 255]).toString('base64') })).toEqual([
      { path: '/run/key', content: Buffer.from([0, 255]), mode: 0o440, uid: 5, gid: 6 },
    ]);
  });
});
