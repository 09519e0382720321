// The small pure pieces: names, numbers and messages that pass between the runtime and what it runs.
import { describe, expect, it } from 'vitest';
import { type ProgramKind, programFault } from './executable.js';
import { capacityOf } from './facts.js';
import { parseImageConfig } from './image-store.js';
import { containerId } from './paths.js';
import { parseStat } from './processes.js';
import { isDiskFull, mayPass, pullFailure } from './pull-failure.js';
import { signalNumber, signalOfExitCode } from './signals.js';
import { resolverText } from './task-files.js';

describe('signals', () => {
  it.each([
    ['SIGTERM', 15],
    ['term', 15],
    ['9', 9],
    ['SIGRTMIN+3', 37],
    ['RTMAX-1', 63],
    ['SIGRTMIN', 34],
    ['SIGRTMIN+31', null],
    ['0', null],
    ['65', null],
    ['SIGNOPE', null],
    ['', null],
  ])('%s is number %s', (text, number) => {
    expect(signalNumber(text)).toBe(number);
  });

  it.each([
    [137, 'SIGKILL'],
    [143, 'SIGTERM'],
    [139, 'SIGSEGV'],
    [134, 'SIGABRT'],
    [165, 'SIGRTMIN+3'],
    [0, null],
    [1, null],
    [128, null],
    [255, null],
  ])('exit code %s stands for %s', (code, signal) => {
    expect(signalOfExitCode(code)).toBe(signal);
  });
});

describe('containerId', () => {
  const taskId = '3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c';

  it('fits into the path of a socket whatever the container’s name', () => {
    const longest = containerId(taskId, 'a'.repeat(63));
    expect(`/run/berthtest/s/${longest}/attach`.length).toBeLessThan(108);
    expect(containerId(taskId, 'web')).toBe(`${taskId}.web`);
  });

  it('tells long names apart', () => {
    expect(containerId(taskId, `${'a'.repeat(40)}1`)).not.toBe(containerId(taskId, `${'a'.repeat(40)}2`));
  });
});

describe('programFault', () => {
  const files: Record<string, ProgramKind> = {
    '/bin/sh': 'program',
    '/srv/run': 'program',
    '/etc': 'not-executable',
    '/usr/bin/notes': 'not-executable',
  };
  const fault = (program: string, env = ['PATH=/usr/bin:/bin']) => programFault(program, env, '/srv', (path) => files[path] ?? 'missing');

  it.each(['sh', '/bin/sh', './run', '../bin/sh'])('finds %s', (program) => {
    expect(fault(program)).toBeNull();
  });

  it.each([
    ['nosuch', /no program "nosuch"/],
    ['/etc', /not an executable file/],
    ['notes', /not an executable file/],
    ['', /empty/],
  ])('explains %j', (program, message) => {
    expect(fault(program)).toMatch(message);
  });

  it('looks where programs usually are if no PATH says otherwise', () => {
    expect(fault('sh', [])).toBeNull();
  });
});

describe('pullFailure', () => {
  it('gives the registry’s words and what to do', () => {
    const said =
      'time="2026-11-24T03:57:30Z" level=fatal msg="initializing source docker://127.0.0.1:5791/nope:1: reading manifest 1 in 127.0.0.1:5791/nope: manifest unknown: manifest unknown"\n';
    expect(pullFailure('r/nope@sha256:1', said)).toBe(
      'The image r/nope@sha256:1 could not be pulled: reading manifest 1 in 127.0.0.1:5791/nope: manifest unknown: manifest unknown. Check its name, and that it has been pushed.',
    );
  });

  it('lets no control sequence through, nor a novel', () => {
    const message = pullFailure('i', `level=fatal msg="\u001b[31mred${'x'.repeat(1000)}"`);
    expect(message).not.toContain('\u001b');
    expect(message.length).toBeLessThan(500);
  });
});

describe('another attempt at a pull', () => {
  const fatal = (message: string) => `time="2026-11-24T03:57:30Z" level=fatal msg="${message}"\n`;

  it.each([
    'pinging container registry 10.0.0.1:5000: Get \\"http://10.0.0.1:5000/v2/\\": dial tcp 10.0.0.1:5000: connect: connection refused',
    'reading manifest sha256:1 in r/a: received unexpected HTTP status: 503 Service Unavailable',
    'reading blob sha256:1: fetching blob: toomanyrequests: slow down',
    'writing blob: storing blob to file: read tcp 1.2.3.4:1->5.6.7.8:443: read: connection reset by peer',
    'writing blob: happened during read: unexpected EOF',
    'pinging container registry nowhere: dial tcp: lookup nowhere: no such host',
  ])('may help where %s', (message) => {
    expect(mayPass(fatal(message))).toBe(true);
  });

  it.each([
    'initializing source docker://r/a@sha256:1: reading manifest sha256:1 in r/a: manifest unknown: manifest unknown',
    'reading manifest in r/a: requested access to the resource is denied',
    'pinging container registry r: Get \\"https://r/v2/\\": http: server gave HTTP response to HTTPS client',
    'writing blob: layer sha256:1 does not match: Digest did not match, expected sha256:1, got sha256:2',
  ])('can’t help where %s', (message) => {
    expect(mayPass(fatal(message))).toBe(false);
  });

  it('is none of the tenant’s where the disk is full', () => {
    expect(isDiskFull(fatal('writing blob: storing blob to file \\"/x\\": write /x: no space left on device'))).toBe(true);
  });
});

describe('parseImageConfig', () => {
  it('takes the defaults of a container', () => {
    const text = JSON.stringify({ config: { Entrypoint: ['/e'], Cmd: null, Env: ['A=b', 3], User: 'app', StopSignal: 'SIGQUIT' } });
    expect(parseImageConfig(text)).toEqual({
      entryPoint: ['/e'],
      command: [],
      environment: ['A=b'],
      user: 'app',
      workingDirectory: '',
      stopSignal: 'SIGQUIT',
    });
  });

  it('makes do with none', () => {
    expect(parseImageConfig('{}')).toMatchObject({ entryPoint: [], user: '', stopSignal: null });
  });
});

describe('parseStat', () => {
  const stat = (name: string, state: string) =>
    `42 (${name}) ${state} 1 ${Array.from({ length: 17 }, (_, index) => index).join(' ')} 98765 0 0`;

  it.each(['sh', 'a) b (c', ') S 1 2 3'])('is not misled by a program called %j', (name) => {
    expect(parseStat(42, stat(name, 'S'))).toEqual({ pid: 42, startTicks: 98_765 });
  });

  it('counts a zombie as gone', () => {
    expect(parseStat(42, stat('sh', 'Z'))).toBeNull();
  });
});

describe('resolverText', () => {
  it('names the agent, and searches the platform’s names before the host’s', () => {
    const host = 'nameserver 10.0.0.2\nsearch old.example.com\nsearch example.com corp.example.com\noptions edns0\n';
    expect(resolverText('10.66.0.1', ['nameserver 127.0.0.53\n', host])).toBe(
      'nameserver 10.66.0.1\nsearch task.berth.internal berth.internal example.com corp.example.com\noptions ndots:2\n',
    );
  });

  it('takes no more domains than libraries do, and nothing that is none', () => {
    const text = resolverText('10.66.0.1', ['search a b c d e f g\n']);
    expect(text).toContain('search task.berth.internal berth.internal a b c d\n');
    expect(resolverText('10.66.0.1', ['search .; $(x)\n'])).toContain('search task.berth.internal berth.internal\n');
  });
});

describe('capacityOf', () => {
  it('keeps a part for the system', () => {
    expect(capacityOf(2, 2048 * 1024 ** 2, 4096)).toEqual({ cpuMillis: 1900, memoryMiB: 1792, taskSlots: 1000 });
    expect(capacityOf(64, 65_536 * 1024 ** 2, 500)).toEqual({ cpuMillis: 60_800, memoryMiB: 62_259, taskSlots: 500 });
  });
});
