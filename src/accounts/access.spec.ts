import { roles, scopeAreas } from '@berth/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { abilityOf, type RequiredRole, refusalOf } from './abilities.js';
import { expiryOfNext, formatAccessKeyId, formatApiKey, formatSecretAccessKey, isApiKey } from './api-key.js';
import { bearerOf, cookieOf, credentialOf, hashToken, isOwnOrigin } from './credential.js';
import { formatSessionToken, isSessionToken } from './session-token.js';

describe('API keys', () => {
  it('have the form that is recognised, whatever the random bytes', () => {
    for (const byte of [0, 63, 250, 255]) {
      const { key, prefix } = formatApiKey(Buffer.alloc(36, byte));
      expect(isApiKey(key)).toBe(true);
      expect(isSessionToken(key)).toBe(false);
      expect(key.startsWith(`berth_${prefix}_`)).toBe(true);
      expect(formatAccessKeyId(Buffer.alloc(16, byte))).toMatch(/^BRTH[A-Z2-7]{16}$/);
      expect(formatSecretAccessKey(Buffer.alloc(30, byte))).toHaveLength(40);
    }
    expect(formatApiKey(Buffer.alloc(36, 1)).key).not.toBe(formatApiKey(Buffer.alloc(36, 2)).key);
    expect(hashToken('x')).toHaveLength(32);
  });

  it.each(['', 'berth_', 'berth_00000000_short', `Berth_00000000_${'A'.repeat(43)}`, `berth_00000000_${'A'.repeat(44)}`])(
    '%s is none',
    (text) => {
      expect(isApiKey(text)).toBe(false);
    },
  );

  it('that take another’s place live as long as that was to live', () => {
    const createdAt = new Date(1000);
    expect(expiryOfNext({ createdAt, expiresAt: new Date(5000) }, 10_000)).toEqual(new Date(14_000));
    expect(expiryOfNext({ createdAt, expiresAt: null }, 10_000)).toBeNull();
  });
});

describe('credentials', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer  abc ', 'abc'],
    ['Bearer', null],
    ['Bearer a b', null],
    ['Basic abc', null],
    [`Bearer ${'x'.repeat(513)}`, null],
    [undefined, null],
  ])('the header %s carries %s', (header, key) => {
    expect(bearerOf(header)).toBe(key);
  });

  it.each([
    ['berth_session=abc', 'abc'],
    ['a=1; berth_session=abc; b=2', 'abc'],
    ['xberth_session=abc', null],
    ['berth_session=a"b', null],
    ['berth_session=', null],
    ['', null],
  ])('the cookies %s carry %s', (header, value) => {
    expect(cookieOf(header, 'berth_session')).toBe(value);
  });

  it('of a header go before those of a cookie, even if it can’t be read', () => {
    const token = formatSessionToken(Buffer.alloc(32, 7));
    const cookie = `__Host-berth_session=${token}`;
    expect(isSessionToken(token)).toBe(true);
    expect(credentialOf({ cookie })).toEqual({ transport: 'cookie', token });
    expect(credentialOf({ cookie, authorization: 'Bearer k' })).toEqual({ transport: 'bearer', token: 'k' });
    expect(credentialOf({ cookie, authorization: 'Basic k' })).toBeNull();
    expect(credentialOf({})).toBeNull();
  });

  it.each([
    [{ origin: 'https://berth.example', host: 'berth.example' }, true],
    [{ origin: 'https://console.example', host: 'berth.example' }, true],
    [{ origin: 'https://evil.example', host: 'berth.example' }, false],
    [{ origin: 'https://berth.example.evil.example', host: 'berth.example' }, false],
    [{ origin: 'https://berth.example:8443', host: 'berth.example' }, false],
    [{ origin: 'null', host: 'berth.example' }, false],
    [{ origin: '', host: '' }, false],
    [{ host: 'berth.example' }, false],
  ])('%j is a page of ours: %s', (headers, own) => {
    expect(isOwnOrigin(headers, ['https://console.example'])).toBe(own);
  });
});

describe('abilities', () => {
  const may = (actor: Parameters<typeof abilityOf>[0], required: RequiredRole, path = '/v1/tasks/:taskId') =>
    refusalOf(actor, required, path) === null;

  it.each([
    ['viewer', ['viewer', 'developer', 'owner']],
    ['developer', ['developer', 'owner']],
    ['owner', ['owner']],
    ['operator', ['operator']],
    ['any', ['viewer', 'developer', 'owner', 'operator']],
  ] as const)('a route for %s is open to %j and nobody else', (required, allowed) => {
    expect([...roles].filter((role) => may({ role, scopes: null }, required)).sort()).toEqual([...allowed].sort());
  });

  it.each([
    [['tasks:read'], 'viewer', '/v1/tasks', true],
    [['tasks:read'], 'developer', '/v1/tasks', false],
    [['tasks:write'], 'developer', '/v1/tasks/:taskId/exec', true],
    [['tasks:write'], 'viewer', '/v1/secrets', false],
    [['secrets:read', 'tasks:write'], 'viewer', '/v1/secrets', true],
    [['*:read'], 'viewer', '/v1/volumes', true],
    [['*:read'], 'developer', '/v1/volumes', false],
    [['*:write'], 'owner', '/v1/budgets', true],
    [['*:write'], 'owner', '/v1/api-keys', false],
    [['*:write'], 'owner', '/v1/invitations/:invitationId', false],
    [['tasks:write'], 'operator', '/v1/tenants', false],
    [['tasks:read'], 'any', '/v1/whoami', true],
  ] as const)('an owner’s key with %j at a route for %s at %s: %s', (scopes, required, path, open) => {
    expect(may({ role: 'owner', scopes }, required, path)).toBe(open);
  });

  it('says what is missing', () => {
    expect(refusalOf({ role: 'viewer', scopes: ['tasks:write'] }, 'developer', '/v1/tasks')).toEqual({ role: 'developer' });
    expect(refusalOf({ role: 'owner', scopes: ['tasks:read'] }, 'developer', '/v1/tasks')).toEqual({ scope: 'tasks:write' });
  });

  it('never give a key with scopes more than one without', () => {
    const scope = fc.record({ area: fc.constantFrom('*', ...scopeAreas), access: fc.constantFrom('read', 'write') });
    const path = fc.constantFrom(...scopeAreas, 'api-keys', 'users', 'tenants').map((area) => `/v1/${area}/:id`);
    const required = fc.constantFrom<RequiredRole>('viewer', 'developer', 'owner', 'operator', 'any');
    fc.assert(
      fc.property(fc.constantFrom(...roles), fc.array(scope, { minLength: 1 }), required, path, (role, scopes, wanted, at) => {
        const narrowed = { role, scopes: scopes.map(({ area, access }) => `${area}:${access}`) };
        return !may(narrowed, wanted, at) || may({ role, scopes: null }, wanted, at);
      }),
    );
  });
});
