import { describe, expect, it } from 'vitest';
import { apiLocation, credentialsFor, isForbiddenAddress, isTrusted, parseChallenge, tokenUrl } from './registry-rules.js';

const trust = { default: '127.0.0.1:7072', insecure: ['127.0.0.1:7072', 'plain.example:5000'] };
const ref = (registry: string, repository: string) => ({ registry, repository, tag: 'latest', digest: null });

describe('addresses', () => {
  it.each([
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '169.254.169.254',
    '169.254.170.2',
    '::1',
    '::',
    'fe80::1',
    'fd00:ec2::254',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '64:ff9b::7f00:1',
    '224.0.0.1',
    '255.255.255.255',
    'localhost',
    '',
    '127.1',
  ])('%s is forbidden', (address) => expect(isForbiddenAddress(address)).toBe(true));

  it.each(['10.0.0.5', '192.168.1.1', '172.16.0.1', '8.8.8.8', '2600::1', 'fd12::1'])('%s is not', (address) =>
    expect(isForbiddenAddress(address)).toBe(false),
  );

  it('what the operator named may be anywhere', () => {
    expect(isTrusted('127.0.0.1:7072', trust)).toBe(true);
    expect(isTrusted('plain.example:5000', trust)).toBe(true);
    expect(isTrusted('127.0.0.1:7073', trust)).toBe(false);
  });
});

it.each([
  ['127.0.0.1:7072', 'busybox', 'http://127.0.0.1:7072', 'busybox'],
  ['registry.example.com', 'team/api', 'https://registry.example.com', 'team/api'],
  ['docker.io', 'busybox', 'https://registry-1.docker.io', 'library/busybox'],
  ['docker.io', 'team/api', 'https://registry-1.docker.io', 'team/api'],
])('the API of %s/%s', (registry, repository, baseUrl, at) => {
  expect(apiLocation(ref(registry, repository), trust)).toEqual({ baseUrl, repository: at });
});

describe('challenges', () => {
  it.each([
    [
      'Bearer realm="https://auth.example/token",service="reg"',
      { scheme: 'bearer', parameters: { realm: 'https://auth.example/token', service: 'reg' } },
    ],
    ['bearer  Realm="https://a/" , scope="x,y"', { scheme: 'bearer', parameters: { realm: 'https://a/', scope: 'x,y' } }],
    ['Basic realm="x"', { scheme: 'basic', parameters: { realm: 'x' } }],
    ['Negotiate', null],
    ['', null],
    [undefined, null],
  ])('%s', (header, expected) => {
    expect(parseChallenge(header)).toEqual(expected);
  });

  const bearer = (realm: string) => ({ scheme: 'bearer' as const, parameters: { realm, service: 'r s' } });
  it('asks for a token for this repository only', () => {
    expect(tokenUrl(bearer('https://auth.example/token?a=1'), 'https://registry.example/v2/', 'team/api')?.href).toBe(
      'https://auth.example/token?a=1&service=r+s&scope=repository%3Ateam%2Fapi%3Apull',
    );
    expect(tokenUrl(bearer('http://127.0.0.1:9/t'), 'http://127.0.0.1:7072/v2/', 'x')?.hostname).toBe('127.0.0.1');
  });

  it.each([
    ['http://auth.example/token', 'https://registry.example/'],
    ['http://auth.example/token', 'http://127.0.0.1:7072/'],
    ['https://user:pw@auth.example/', 'https://registry.example/'],
    ['file:///etc/passwd', 'https://registry.example/'],
    ['not a url', 'https://registry.example/'],
    ['', 'https://registry.example/'],
  ])('sends nothing to %s for %s', (realm, registry) => {
    expect(tokenUrl(bearer(realm), registry, 'x')).toBeNull();
  });
});

describe('credentials in docker’s config.json', () => {
  const auth = (text: string) => Buffer.from(text).toString('base64');
  const config = JSON.stringify({
    auths: {
      'registry.example.com': { auth: auth('ann:s3:cret') },
      'https://other.example': { username: 'bob', password: 'pw' },
      'https://index.docker.io/v1/': { auth: auth('hub:pw') },
      'empty.example': {},
    },
  });
  it.each([
    ['registry.example.com', 'ann:s3:cret'],
    ['other.example', 'bob:pw'],
    ['docker.io', 'hub:pw'],
    ['empty.example', null],
    ['example.com', null],
    ['__proto__', null],
  ])('for %s', (registry, expected) => {
    expect(credentialsFor(registry, config)).toBe(expected);
  });

  it('of a file without any', () => {
    expect(credentialsFor('a.example', '{}')).toBeNull();
    expect(() => credentialsFor('a.example', 'nonsense')).toThrow(SyntaxError);
  });
});
