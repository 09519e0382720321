import { describe, expect, it } from 'vitest';
import { type Health, healthCheckSchema, taskHealth } from './health.js';

describe('a health check', () => {
  it.each([
    [{ command: ['true'] }, true],
    [{ http: { port: 80 } }, true],
    [{ tcp: { port: 80 } }, true],
    [{}, false],
    [{ command: ['true'], tcp: { port: 80 } }, false],
    [{ command: [] }, false],
    [{ http: { port: 0 } }, false],
    [{ http: { port: 80, path: 'http://elsewhere/' } }, false],
    [{ http: { port: 80, path: '/a b' } }, false],
    [{ http: { port: 80, path: '/a\r\nHost: b' } }, false],
    [{ http: { port: 80, host: 'elsewhere' } }, false],
    [{ tcp: { port: 80 }, retries: 11 }, false],
  ])('%j is taken: %s', (check, taken) => {
    expect(healthCheckSchema.safeParse(check).success).toBe(taken);
  });

  it('fills in what was left out', () => {
    expect(healthCheckSchema.parse({ http: { port: 80 } })).toEqual({
      http: { port: 80, path: '/' },
      intervalSeconds: 30,
      timeoutSeconds: 5,
      retries: 3,
      startPeriodSeconds: 0,
    });
  });
});

describe('a task’s health', () => {
  const container = (health: Health, more = {}) => ({ essential: true, checked: true, health, ...more });
  it.each<[string, Parameters<typeof taskHealth>[0], Health]>([
    ['nothing is checked', [container('unknown', { checked: false })], 'unknown'],
    ['all are healthy', [container('healthy'), container('healthy'), container('unknown', { checked: false })], 'healthy'],
    ['one is not known yet', [container('healthy'), container('unknown')], 'unknown'],
    ['one is unhealthy', [container('unknown'), container('unhealthy')], 'unhealthy'],
    ['a lesser one is unhealthy', [container('healthy'), container('unhealthy', { essential: false })], 'healthy'],
  ])('when %s', (_, containers, health) => {
    expect(taskHealth(containers)).toBe(health);
  });
});
