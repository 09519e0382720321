import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeConfig, readConfig, readHostToken } from './config.js';

const token = `berth-host.${'a'.repeat(43)}.${'0'.repeat(64)}`;
const enough = { BERTH_AGENT_DATA: '/var/lib/berth', BERTH_GATEWAY_URL: 'wss://gateway:7071' };

describe('the agent’s settings', () => {
  it('need a data directory and a gateway, and nothing else', () => {
    expect(readConfig(enough)).toMatchObject({ dataDirectory: '/var/lib/berth', instance: 'berth', runtime: 'crun', capacity: null });
  });

  it.each([
    { name: 'BERTH_GATEWAY_URL', value: 'ws://gateway:7071' },
    { name: 'BERTH_GATEWAY_URL', value: 'wss://gateway:7071/path' },
    { name: 'BERTH_AGENT_INSTANCE', value: 'Not-This' },
    { name: 'BERTH_AGENT_SUBNET', value: '10.0.0.0/8' },
    { name: 'BERTH_AGENT_SUBNET', value: '10.0.0.256/16' },
    { name: 'BERTH_HOST_TOKEN', value: 'berth-host.short' },
    { name: 'BERTH_AGENT_CPU_MILLIS', value: '1000' },
    { name: 'BERTH_AGENT_RUNTIME', value: 'docker' },
    { name: 'BERTH_IMAGE_MAX_MIB', value: '0' },
    { name: 'BERTH_IMAGES_GO_UNTIL_FREE_MIB', value: '1' },
  ])('refuse $name=$value by its name', ({ name, value }) => {
    expect(() => readConfig({ ...enough, [name]: value })).toThrow(`${name}: `);
  });

  it('name every variable that is wrong', () => {
    expect(() => readConfig({})).toThrow(/BERTH_AGENT_DATA: .*\nBERTH_GATEWAY_URL: /);
  });

  it('take a capacity whole or not at all', () => {
    const capacity = { BERTH_AGENT_CPU_MILLIS: '2000', BERTH_AGENT_MEMORY_MIB: '1024', BERTH_AGENT_TASK_SLOTS: '10' };
    expect(readConfig({ ...enough, ...capacity }).capacity).toEqual({ cpuMillis: 2000, memoryMiB: 1024, taskSlots: 10 });
  });

  it('can’t be changed', () => {
    expect(Object.isFrozen(readConfig(enough))).toBe(true);
  });

  it('are shown without the token', () => {
    const shown = describeConfig(readConfig({ ...enough, BERTH_HOST_TOKEN: token }));
    expect(shown).toContain('"***"');
    expect(shown).not.toContain(token);
  });
});

describe('the host token', () => {
  it('comes from the environment or a file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'berth-token-'));
    const file = join(directory, 'token');
    writeFileSync(file, `${token}\n`);
    expect(readHostToken(readConfig({ ...enough, BERTH_HOST_TOKEN: token }))).toBe(token);
    expect(readHostToken(readConfig({ ...enough, BERTH_HOST_TOKEN_FILE: file }))).toBe(token);
    rmSync(directory, { recursive: true });
  });

  it('is asked for when it is missing', () => {
    expect(() => readHostToken(readConfig(enough))).toThrow('Set BERTH_HOST_TOKEN or BERTH_HOST_TOKEN_FILE');
  });
});
