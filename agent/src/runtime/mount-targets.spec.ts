import { describe, expect, it } from 'vitest';
import { imageFault, realPath, volumeFault } from './mount-targets.js';

const image = (links: Readonly<Record<string, string>>) => (path: string) => links[path] ?? null;

describe('realPath', () => {
  const links = image({
    '/var/run': '../run',
    '/lib': 'usr/lib',
    '/a': '/b',
    '/b': '/a',
    '/up': '../../../etc',
    '/work': '/proc/self/fd/8',
    '/data/deep': '/dev/shm',
    '/etc/resolv.conf': '../run/resolve/stub.conf',
  });

  it.each([
    ['/', '/'],
    ['/plain/path', '/plain/path'],
    ['/var/run/x', '/run/x'],
    ['/lib/x', '/usr/lib/x'],
    ['/up/shadow', '/etc/shadow'],
    ['/etc/resolv.conf', '/run/resolve/stub.conf'],
    ['/work', '/proc/self/fd/8'],
    ['/data/deep/x/y', '/dev/shm/x/y'],
    ['/x/../proc/1', '/proc/1'],
    ['/a/x', null],
  ])('%s leads to %s', (path, real) => {
    expect(realPath(path, links)).toBe(real);
  });
});

describe('imageFault', () => {
  const targets = ['/proc', '/dev', '/dev/shm', '/etc/hosts', '/cache'];

  it.each<[string, Readonly<Record<string, string>>]>([
    ['nothing of the kind', {}],
    ['a link elsewhere in the image', { '/cache': '/var/cache', '/etc/hosts': '/etc/other' }],
  ])('lets pass %s', (_what, links) => {
    expect(imageFault(targets, '/srv', image(links))).toBeNull();
  });

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['a link in place of /dev', { '/dev': '/tmp' }, /link to \/tmp in place of \/dev/],
    ['a link in place of /proc', { '/proc': '/fake' }, /in place of \/proc/],
    ['a link in place of /sys', { '/sys': 'fake' }, /in place of \/sys/],
    ['a target that leads to /proc', { '/cache': '/proc/sys' }, /leads \/cache to \/proc\/sys/],
    ['a target that leads to the root', { '/cache': '/' }, /leads \/cache to \//],
    ['a target in a circle', { '/cache': '/cache' }, /leads \/cache to nowhere/],
    ['hosts that lead to /dev', { '/etc': '/dev' }, /leads \/etc\/hosts to \/dev\/hosts/],
    ['a working directory that leads to a descriptor', { '/srv': '/proc/self/fd/8' }, /working directory \/srv leads to \/proc/],
    ['a working directory that leads to /dev/fd', { '/srv': 'dev/fd/8' }, /working directory \/srv leads to \/dev/],
  ])('finds %s', (_what, links, fault) => {
    expect(imageFault(targets, '/srv', image(links))).toMatch(fault);
  });
});

describe('volumeFault', () => {
  const targets = ['/proc', '/dev', '/etc/hosts', '/data', '/cache', '/run/secret'];

  it.each<[string, string, Readonly<Record<string, string>>]>([
    ['nothing of the kind', '/srv', {}],
    ['a working directory that is the volume', '/data', {}],
    ['a working directory whose name begins as the volume’s', '/data2', {}],
    ['a volume that leads elsewhere in the image', '/srv', { '/data': '/srv/data' }],
  ])('lets pass %s', (_what, cwd, links) => {
    expect(volumeFault(['/data'], targets, cwd, image(links))).toBeNull();
  });

  it.each<[string, string, Readonly<Record<string, string>>, RegExp]>([
    ['a target in the volume', '/', { '/run': '/data' }, /^\/run\/secret lies in the volume on \/data/],
    ['a volume over what Berth puts into /etc', '/', { '/data': '/etc' }, /^\/etc\/hosts lies in the volume on \/data/],
    ['a working directory in the volume', '/data/x', {}, /^its working directory \/data\/x lies in the volume on \/data/],
    ['a working directory that leads into the volume', '/srv/x', { '/srv': 'data' }, /working directory \/srv\/x lies in/],
    ['a volume that leads above the working directory', '/srv/x', { '/data': '/srv' }, /working directory \/srv\/x lies in/],
  ])('finds %s', (_what, cwd, links, fault) => {
    expect(volumeFault(['/data'], targets, cwd, image(links))).toMatch(fault);
  });
});
