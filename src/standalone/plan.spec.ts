import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agentCommand,
  chooseSubnet,
  contextName,
  controlPlaneCommand,
  defaultDataDirectory,
  instanceName,
  overlaps,
  portsOf,
  restartDelayMs,
  type Settings,
  uidBase,
} from './plan.js';

const settings: Settings = {
  root: '/opt/berth',
  dataDirectory: '/srv/b',
  port: 8000,
  instance: 'b12345678',
  subnet: '10.70.0.0/16',
  node: '/usr/bin/node',
  databaseUrl: null,
  environment: { PATH: '/bin', REDIS_URL: 'redis://r', BERTH_HTTP_PORT: '1', BERTH_LOG_LEVEL: 'debug' },
};

describe('names', () => {
  it('are the plain ones for the default data directory', () => {
    expect(instanceName(defaultDataDirectory)).toBe('berth');
    expect(contextName({ instance: 'berth' })).toBe('local');
  });

  it('fit for bridge and cgroup whatever the directory, and follow from it', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(instanceName(`/${name}`)).toMatch(/^[a-z0-9]{1,10}$/);
        expect(instanceName(`/${name}`)).toBe(instanceName(`/${name}`));
      }),
    );
    expect(instanceName('/a')).not.toBe(instanceName('/b'));
  });
});

describe('subnets', () => {
  it.each([
    ['10.66.0.0/16', '10.66.3.0/24', true],
    ['10.66.0.0/16', '10.67.0.0/16', false],
    ['10.0.0.0/8', '10.200.0.0/16', true],
    ['10.66.255.255', '10.66.0.0/16', true],
    ['192.168.1.7', '192.168.1.8', false],
    ['0.0.0.0/0', '10.1.0.0/16', true],
  ])('%s and %s overlap: %s', (left, right, expected) => {
    expect(overlaps(left, right)).toBe(expected);
    expect(overlaps(right, left)).toBe(expected);
  });

  it('is 10.66 for the default data directory, unless that is routed', () => {
    expect(chooseSubnet(defaultDataDirectory, [])).toBe('10.66.0.0/16');
    expect(chooseSubnet(defaultDataDirectory, ['10.66.9.1', '10.67.0.0/17', '172.16.0.0/12'])).toBe('10.68.0.0/16');
  });

  it('never overlaps what is routed, and says so when nothing is left', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.string(), fc.uniqueArray(octet, { maxLength: 200 }), (name, taken) => {
        const routed = taken.map((second) => `10.${second}.0.0/16`);
        const chosen = chooseSubnet(`/${name}`, routed);
        expect(routed.some((network) => overlaps(network, chosen))).toBe(false);
      }),
    );
    expect(() => chooseSubnet('/x', ['10.0.0.0/8'])).toThrow('subnet=');
  });
});

it('gives other instances ids above those of the default one, and below the largest that the agent takes', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const base = uidBase(instanceName(`/${name}`));
      expect(base).toBeGreaterThanOrEqual(uidBase('berth') + 2 ** 28);
      expect(base + 2 ** 28).toBeLessThanOrEqual(2 ** 31);
    }),
  );
});

describe('commands', () => {
  it('hand the environment on, and override what belongs to this instance', () => {
    const { environment } = controlPlaneCommand(settings, 'postgres://db', 'key');
    expect(environment).toMatchObject({
      REDIS_URL: 'redis://r',
      BERTH_LOG_LEVEL: 'debug',
      DATABASE_URL: 'postgres://db',
      BERTH_HTTP_PORT: '8000',
      BERTH_GATEWAY_PORT: '8001',
      BERTH_DEFAULT_REGISTRY: '127.0.0.1:8002',
      BERTH_PKI_DIR: '/srv/b/pki',
    });
  });

  it('add the bundled registry to those without TLS that were named from outside', () => {
    const more = { ...settings, environment: { BERTH_INSECURE_REGISTRIES: 'r.lan:5000' } };
    expect(agentCommand(more, 'run', null).environment.BERTH_INSECURE_REGISTRIES).toBe('127.0.0.1:8002,r.lan:5000');
  });

  it('give the agent a token only when there is one', () => {
    expect(agentCommand(settings, 'run', 't').environment.BERTH_HOST_TOKEN).toBe('t');
    expect(agentCommand(settings, 'run', null).environment.BERTH_HOST_TOKEN).toBeUndefined();
  });

  it('use four ports in a row', () => {
    expect(Object.values(portsOf(settings))).toEqual([8000, 8001, 8002, 8003]);
  });
});

it('waits longer after each failure, ten seconds at the most', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 100].map(restartDelayMs);
  expect(delays).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
});
