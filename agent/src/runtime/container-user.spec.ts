import { describe, expect, it } from 'vitest';
import { resolveUser } from './container-user.js';

const passwd =
  'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\nbroken line\nhuge:x:99999999:1::/:\nrel:x:7:7::relative:\n';
const group = 'root:x:0:\napp:x:1001:\nextra:x:2000:root,app\nother:x:2001:nobody\n';

describe('resolveUser', () => {
  it.each([
    ['', { uid: 0, gid: 0, additionalGids: [2000], home: '/root' }],
    ['app', { uid: 1000, gid: 1001, additionalGids: [2000], home: '/home/app' }],
    ['1000', { uid: 1000, gid: 1001, additionalGids: [2000], home: '/home/app' }],
    ['app:extra', { uid: 1000, gid: 2000, additionalGids: [], home: '/home/app' }],
    ['1234', { uid: 1234, gid: 0, additionalGids: [], home: '/' }],
    ['1234:4321', { uid: 1234, gid: 4321, additionalGids: [], home: '/' }],
    ['rel', { uid: 7, gid: 7, additionalGids: [], home: '/' }],
  ])('%j', (text, user) => {
    expect(resolveUser(text, passwd, group)).toEqual(user);
  });

  it.each([
    ['nobody-here', /user "nobody-here"/],
    ['app:nogroup', /group "nogroup"/],
    ['huge', /user "huge"/],
    ['70000', /user "70000"/],
    ['-1', /user "-1"/],
    ['0x10', /user "0x10"/],
  ])('refuses %s', (text, message) => {
    expect(() => resolveUser(text, passwd, group)).toThrow(message);
  });

  it('makes do with an image that has neither file', () => {
    expect(resolveUser('', '', '')).toEqual({ uid: 0, gid: 0, additionalGids: [], home: '/' });
  });
});
