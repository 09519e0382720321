// Signing in with a real OpenID Connect provider, and with what somebody in between makes of its answers.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';
import { freePort } from '../support/cluster.js';
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.js';

let berth: Api;
let idp: IdentityProvider;
let tenant: { id: string; key: string };

beforeAll(async () => {
  const port = await freePort();
  const publicUrl = `http://localhost:${port}`;
  idp = await startIdentityProvider(`${publicUrl}/v1/oidc/callback`);
  berth = await startApi({
    BERTH_HTTP_PORT: String(port),
    BERTH_PUBLIC_URL: publicUrl,
    BERTH_OIDC_ISSUER: idp.issuer,
    BERTH_OIDC_CLIENT_SECRET: 'the-clients-secret',
  });
  tenant = await berth.newTenant();
});
beforeEach(() => {
  idp.tamper = null;
});
afterAll(async () => {
  await berth?.stop();
  await idp?.stop();
});

let people = 0;
const newPerson = (more: object = {}) => {
  people += 1;
  const login = `person-${people}`;
  idp.people.set(login, { email: `${login}@example.com`, email_verified: true, name: 'A Person', ...more });
  return { login, email: `${login}@example.com` };
};
const invite = (email: string, role = 'developer') => berth.as(tenant.key).post('/v1/invitations').send({ email, role }).expect(201);

async function begin(returnTo = '/tasks') {
  const answer = await berth
    .anonymous()
    .get(`/v1/oidc/login?returnTo=${encodeURIComponent(returnTo)}`)
    .redirects(0);
  expect(answer.status, answer.text).toBe(302);
  const [cookie = ''] = answer.headers['set-cookie'] as unknown as string[];
  return { url: answer.headers.location as string, cookie: cookie.split(';')[0] ?? '' };
}

async function callback(back: string, cookie: string) {
  const { search } = new URL(back);
  return berth.anonymous().get(`/v1/oidc/callback${search}`).set('cookie', cookie).redirects(0);
}

async function signIn(login: string) {
  const { url, cookie } = await begin();
  return callback(await idp.signIn(url, login), cookie);
}

const sessionIn = (answer: { headers: Record<string, unknown> }) =>
  ((answer.headers['set-cookie'] ?? []) as string[])
    .map((cookie) => cookie.split(';')[0] ?? '')
    .find((pair) => pair.startsWith('berth_session=b'));

describe('a person whom the provider knows', () => {
  it('signs in by an invitation for their address, and again without one', async () => {
    const { login, email } = newPerson();
    await invite(email);
    const answer = await signIn(login);
    expect({ status: answer.status, location: answer.headers.location }).toEqual({ status: 302, location: '/tasks' });
    const me = await berth
      .anonymous()
      .get('/v1/whoami')
      .set('cookie', sessionIn(answer) ?? '');
    expect(me.body).toMatchObject({ role: 'developer', user: { email, name: 'A Person' }, tenant: { id: tenant.id } });
    expect(sessionIn(await signIn(login))).toBeDefined();
  });

  it('stays outside without one', async () => {
    const answer = await signIn(newPerson().login);
    expect({ status: answer.status, code: answer.body.code, session: sessionIn(answer) }).toEqual({
      status: 403,
      code: 'no_membership',
      session: undefined,
    });
  });

  it('stays outside while the provider has not checked the address', async () => {
    const { login, email } = newPerson({ email_verified: false });
    await invite(email);
    expect((await signIn(login)).body.code).toBe('sign_in_failed');
  });

  it('takes over the user that somebody made with a password for their address', async () => {
    const { login, email } = newPerson();
    const password = 'password of whoever was first';
    const { body } = await invite(email);
    await berth.anonymous().post('/v1/invitations/accept').send({ token: body.token, password }).expect(204);
    const thief = await berth.anonymous().post('/v1/sessions').send({ email, password, transport: 'bearer' }).expect(201);
    expect(sessionIn(await signIn(login))).toBeDefined();
    await berth.as(thief.body.token).get('/v1/whoami').expect(401);
    await berth.anonymous().post('/v1/sessions').send({ email, password, transport: 'bearer' }).expect(401);
  });
});

describe('an answer that is not the provider’s', () => {
  const forged = async (claims: object, alg: string, header: object = {}) => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    return new SignJWT({ ...claims }).setProtectedHeader({ alg, ...header, jwk: await exportJWK(publicKey) } as never).sign(privateKey);
  };
  const parse = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const header = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  const attacks: Record<string, (token: string) => string | Promise<string>> = {
    'signed by nobody': (token) => `${encode({ alg: 'none' })}.${token.split('.')[1]}.`,
    'signed by a key of somebody else': (token) => forged(parse(token), 'RS256'),
    'signed by a key of somebody else under the provider’s key id': (token) => forged(parse(token), 'RS256', { kid: header(token).kid }),
    'with claims that were changed': (token) => token.replace(/\.[^.]+\./, `.${encode({ ...parse(token), email: 'owner@example.com' })}.`),
    'with its signature cut off': (token) => token.replace(/[^.]+$/, ''),
    'that is no token': () => 'nonsense',
  };

  it.each(Object.keys(attacks))('%s lets nobody in', async (name) => {
    const { login, email } = newPerson();
    await invite(email);
    idp.tamper = attacks[name] ?? null;
    const answer = await signIn(login);
    expect({ status: answer.status, code: answer.body.code, session: sessionIn(answer) }).toEqual({
      status: 401,
      code: 'sign_in_failed',
      session: undefined,
    });
    idp.tamper = null;
    expect(sessionIn(await signIn(login)), 'the same without the attack').toBeDefined();
  });

  it('an ID token that has expired lets nobody in', async () => {
    const { login, email } = newPerson();
    await invite(email);
    let old = '';
    idp.tamper = (token) => {
      old = token;
      return token;
    };
    expect(sessionIn(await signIn(login))).toBeDefined();
    // The provider's own, signed by it; for another nonce besides.
    idp.tamper = () => old;
    expect((await signIn(login)).body.code).toBe('sign_in_failed');
  });

  it('for another browser, another flow or a second time lets nobody in', async () => {
    const { login, email } = newPerson();
    await invite(email);
    const [mine, other] = [await begin(), await begin()];
    const back = await idp.signIn(mine.url, login);
    expect((await callback(back, '')).body.code).toBe('sign_in_failed');
    expect((await callback(back, other.cookie)).body.code).toBe('sign_in_failed');
    expect((await callback(back, 'berth_sign_in=bm9uc2Vuc2U')).body.code).toBe('sign_in_failed');
    expect(sessionIn(await callback(back, mine.cookie))).toBeDefined();
    expect((await callback(back, mine.cookie)).body.code).toBe('sign_in_failed');
  });
});

describe('where it leads to', () => {
  it.each(['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '/\t/evil.example', ''])(
    'is never %s',
    async (returnTo) => {
      const answer = await berth
        .anonymous()
        .get(`/v1/oidc/login?returnTo=${encodeURIComponent(returnTo)}`)
        .redirects(0);
      expect(answer.status).toBe(422);
    },
  );
});

it('is not offered where none is set up', async () => {
  const without = await startApi();
  try {
    expect((await without.anonymous().get('/v1/oidc/login').redirects(0)).body.code).toBe('no_identity_provider');
  } finally {
    await without.stop();
  }
});
