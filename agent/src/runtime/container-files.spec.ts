import { expect, it } from 'vitest';
import { etcFiles } from './container-files.js';

const task = {
  hosts: '127.0.0.1\tlocalhost\n10.0.0.5\tweb\n',
  hostname: 'web\n',
  'resolv.conf': 'nameserver 10.0.0.1\nsearch svc.berth\noptions ndots:1\n',
};
const asked = { hostname: null, extraHosts: [], dns: { servers: [], search: [], options: [] } };

it('adds names to those of the task, and replaces its host name', () => {
  const extraHosts = [
    { hostname: 'db', address: '10.1.1.1' },
    { hostname: 'six', address: 'fd00::1' },
  ];
  expect(etcFiles(task, { ...asked, hostname: 'api.example.com', extraHosts }, '10.0.0.5')).toEqual({
    hosts: '127.0.0.1\tlocalhost\n10.0.0.5\tweb\n10.0.0.5\tapi.example.com api\n10.1.1.1\tdb\nfd00::1\tsix\n',
    hostname: 'api.example.com\n',
    'resolv.conf': task['resolv.conf'],
  });
  expect(etcFiles(task, { ...asked, hostname: 'api' }, '10.0.0.5').hosts).toContain('10.0.0.5\tapi\n');
});

it.each([
  [{ servers: ['1.1.1.1', '9.9.9.9'] }, 'nameserver 1.1.1.1\nnameserver 9.9.9.9\nsearch svc.berth\noptions ndots:1\n'],
  [{ search: ['a.b', 'c'] }, 'search a.b c\nnameserver 10.0.0.1\noptions ndots:1\n'],
  [{ options: ['ndots:3', 'rotate'] }, 'options ndots:3 rotate\nnameserver 10.0.0.1\nsearch svc.berth\n'],
])('puts %j in place of the task’s', (dns, text) => {
  expect(etcFiles(task, { ...asked, dns: { ...asked.dns, ...dns } }, '10.0.0.5')['resolv.conf']).toBe(text);
});
