// A key service that stands in for AWS KMS or Vault, and the program that asks it: AES-256-GCM with the context as what is
// authenticated, keys by name in a directory, and a note of every question. It can be told to misbehave.
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `forgetful`: takes no notice of the context. `silent`: never answers. `down`: says so. `babbling`: answers no JSON. */
export type Mood = 'well' | 'forgetful' | 'silent' | 'down' | 'babbling';

export interface KeyService {
  /** For BERTH_MASTER_KEY_COMMAND. */
  readonly program: string;
  be(mood: Mood): Promise<void>;
  /** `verb keyId tenant` of each question, with its arguments and environment as the program saw them. */
  asked(): Promise<{ verb: string; keyId: string; context: Record<string, string>; args: string[]; environment: string[] }[]>;
  stop(): Promise<void>;
}

export async function startKeyService(keyIds: readonly string[]): Promise<KeyService> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-key-service-'));
  const [script, program, mood, log] = ['service.mjs', 'ask', 'mood', 'log'].map((name) => join(directory, name)) as [
    ...[string, string, string, string],
  ];
  const keys = Object.fromEntries(keyIds.map((keyId) => [keyId, randomBytes(32).toString('base64')]));
  await writeFile(join(directory, 'keys.json'), JSON.stringify(keys), { mode: 0o600 });
  await writeFile(script, source);
  await writeFile(program, `#!/bin/sh\nexec ${process.execPath} ${script} ${directory} "$@"\n`);
  await chmod(program, 0o700);
  await writeFile(mood, 'well');
  await writeFile(log, '');
  return {
    program,
    be: (next) => writeFile(mood, next),
    async asked() {
      const lines = (await readFile(log, 'utf8')).split('\n').filter(Boolean);
      return lines.map((line) => JSON.parse(line));
    },
    stop: () => rm(directory, { recursive: true, force: true }),
  };
}

const source = `
import { appendFileSync, readFileSync } from 'node:fs';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
const [directory, verb] = process.argv.slice(2);
const mood = readFileSync(directory + '/mood', 'utf8');
const { keyId, context, plaintext, ciphertext } = JSON.parse(readFileSync(0, 'utf8'));
const about = { verb, keyId, context, args: process.argv.slice(3), environment: Object.keys(process.env) };
appendFileSync(directory + '/log', JSON.stringify(about) + '\\n');
if (mood === 'silent') await new Promise(() => setInterval(() => {}, 1000));
if (mood === 'down') { console.error('connect ECONNREFUSED'); process.exit(3); }
if (mood === 'babbling') { console.log('<html>Sign in</html>'); process.exit(0); }
const keys = JSON.parse(readFileSync(directory + '/keys.json', 'utf8'));
if (!keys[keyId]) { console.error('NotFoundException'); process.exit(4); }
const key = Buffer.from(keys[keyId], 'base64');
const aad = Buffer.from(mood === 'forgetful' ? '' : JSON.stringify(context));
if (verb === 'wrap') {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  const sealed = Buffer.concat([nonce, cipher.update(plaintext, 'base64'), cipher.final(), cipher.getAuthTag()]);
  console.log(JSON.stringify({ ciphertext: sealed.toString('base64') }));
} else {
  const sealed = Buffer.from(ciphertext, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAAD(aad).setAuthTag(sealed.subarray(-16));
  console.log(JSON.stringify({ plaintext: Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('base64') }));
}
`;
