import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeContexts, withContext, withoutContext } from './cli-context.js';

const mine = { url: 'http://127.0.0.1:7070', apiKey: 'a', operatorKey: 'o' };
const theirs = { url: 'https://berth.example.com', apiKey: 'b' };

describe('contexts', () => {
  it('makes the new one current and keeps the others', () => {
    const file = withContext({ current: 'work', contexts: { work: theirs } }, 'local', mine);
    expect(file).toEqual({ current: 'local', contexts: { work: theirs, local: mine } });
  });

  it('takes one out, and lets another be current only if it was', () => {
    const both = { contexts: { work: theirs, local: mine } };
    expect(withoutContext({ ...both, current: 'local' }, 'local')).toEqual({ current: 'work', contexts: { work: theirs } });
    expect(withoutContext({ ...both, current: 'work' }, 'local')).toEqual({ current: 'work', contexts: { work: theirs } });
    expect(withoutContext({ current: 'local', contexts: { local: mine } }, 'local').current).toBeUndefined();
  });
});

describe('the file', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-context-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is made with its folder, for its owner alone', async () => {
    const path = join(directory, 'a/b/config.json');
    await changeContexts(path, (file) => withContext(file, 'local', mine));
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ current: 'local', contexts: { local: mine } });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is left as it is when it is damaged', async () => {
    const path = join(directory, 'config.json');
    await writeFile(path, '{"contexts":');
    await expect(changeContexts(path, (file) => withContext(file, 'local', mine))).rejects.toThrow(`${path} is damaged`);
    expect(await readFile(path, 'utf8')).toBe('{"contexts":');
  });
});
