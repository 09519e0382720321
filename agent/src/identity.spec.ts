import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newAuthority } from '../test/authority.js';
import { assertCertifies, fingerprintOf, type Identity, loadIdentity, newKeyRequest, saveIdentity, validity } from './identity.js';

const hostId = '00000000-0000-4000-8000-000000000001' as Identity['hostId'];
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-identity-'));
});

afterEach(() => rm(directory, { recursive: true }));

describe('an identity', () => {
  it('is none before the host is enrolled', async () => {
    expect(await loadIdentity(directory)).toBeNull();
  });

  it('is kept in one file that only root reads', async () => {
    const identity = { hostId, key: 'k', certificate: 'c', authority: 'a', obtainedAtMs: 5 };
    await saveIdentity(directory, identity);
    await saveIdentity(directory, { ...identity, certificate: 'c2' });
    expect(await loadIdentity(directory)).toEqual({ ...identity, certificate: 'c2' });
    expect(await readdir(join(directory, 'identity'))).toEqual(['identity.json']);
    expect((await stat(join(directory, 'identity/identity.json'))).mode & 0o777).toBe(0o600);
  });

  it('says so when its file is damaged', async () => {
    await saveIdentity(directory, { hostId, key: 'k', certificate: 'c', authority: 'a', obtainedAtMs: 5 });
    await writeFile(join(directory, 'identity/identity.json'), '{"hostId":');
    await expect(loadIdentity(directory)).rejects.toThrow('is damaged. Move it away and start the agent with a new host token.');
  });
});

describe('a key request', () => {
  it('is signed, and is certified by nothing but a certificate for its own key', async () => {
    const authority = await newAuthority();
    const [mine, other] = [await newKeyRequest('host "one"'), await newKeyRequest('host')];
    const { certificate, notAfter } = await authority.client(mine.csr, hostId, 60_000);
    assertCertifies(certificate, mine);
    expect(() => assertCertifies(certificate, other)).toThrow('for another key');
    expect(validity(certificate).untilMs).toBe(Date.parse(notAfter));
  });

  it('trusts an authority by the hash of its certificate', async () => {
    const authority = await newAuthority();
    expect(fingerprintOf(authority.pem)).toBe(authority.fingerprint);
  });
});
