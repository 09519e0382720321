import { containerExtrasSchema, containerLifeSchema, healthCheckSchema, restartPolicySchema, type TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { type SpecSource, toDesiredRunning } from './task-spec.js';

const digest = `sha256:${'a'.repeat(64)}`;
const container = {
  name: 'main',
  image: 'team/app:1.4',
  imageDigest: digest,
  command: ['serve'],
  environment: { A: '1', B: '1' },
  essential: true,
  readonlyRootFilesystem: false,
  init: true,
  stopTimeoutSeconds: 30,
};
const source = (more: Partial<SpecSource> = {}): SpecSource => ({
  taskId: 'task' as TaskId,
  tenantId: 'tenant',
  name: null,
  family: 'web',
  revision: 3,
  cpuMillis: 500,
  memoryMiB: 256,
  overrides: null,
  securityGroups: ['group'],
  definition: { pidsLimit: 100, containers: [container] },
  ...more,
});
const first = (from: SpecSource) => {
  const task = toDesiredRunning(from, 'registry.local:5000');
  return task.desired === 'running' ? task.spec.containers[0] : null;
};

describe('toDesiredRunning', () => {
  it('says what definition the task is of, and hands over its user data unless the run gave another', () => {
    const specOf = (from: SpecSource) => {
      const task = toDesiredRunning(from, 'registry.local:5000');
      return task.desired === 'running' ? task.spec : null;
    };
    const definition = { ...source().definition, userData: 'as registered' };
    expect(specOf(source())).toMatchObject({ family: 'web', revision: 3, userData: null });
    expect(specOf(source({ definition }))).toMatchObject({ userData: 'as registered' });
    expect(specOf(source({ definition, overrides: { containers: [], userData: '' } }))).toMatchObject({ userData: '' });
    expect(specOf(source({ definition: { ...definition, gpus: { count: 2, models: ['T4'] } } }))).toMatchObject({ gpus: 2 });
  });

  it('opens what a task publishes to everybody only if nobody has named a group for it', () => {
    const networkOf = (from: SpecSource) => {
      const task = toDesiredRunning(from, 'registry.local:5000');
      return task.desired === 'running' ? task.spec.network : null;
    };
    const definition = { ...source().definition, publishedPorts: [{ containerPort: 80, protocol: 'tcp' as const }], networkMbps: 20 };
    const network = { securityGroups: ['group'], publishedPorts: definition.publishedPorts, mbps: 20 };
    expect(networkOf(source({ definition }))).toEqual({ ...network, publishedOpen: true });
    expect(networkOf(source({ definition: { ...definition, securityGroups: ['web'] } }))).toEqual({ ...network, publishedOpen: false });
    const overrides = { containers: [], securityGroups: ['web'] };
    expect(networkOf(source({ definition, overrides }))).toEqual({ ...network, publishedOpen: false });
  });

  it('hands over order, health, restarts and the longest life, which a run may change', () => {
    const life = {
      dependsOn: [{ container: 'db', condition: 'HEALTHY' as const }],
      healthCheck: healthCheckSchema.parse({ tcp: { port: 80 } }),
      restartPolicy: restartPolicySchema.parse({}),
    };
    const definition = { ...source().definition, maxRunTimeSeconds: 60, containers: [{ ...container, ...life }] };
    const limitOf = (from: SpecSource) => {
      const task = toDesiredRunning(from, 'registry.local:5000');
      return task.desired === 'running' ? task.spec.maxRunTimeSeconds : undefined;
    };
    expect(first(source({ definition }))).toMatchObject(life);
    expect(limitOf(source())).toBeNull();
    expect(limitOf(source({ definition }))).toBe(60);
    expect(limitOf(source({ definition, overrides: { containers: [], maxRunTimeSeconds: 5 } }))).toBe(5);
  });

  it('fills in what the definition leaves open', () => {
    expect(first(source())).toEqual({
      name: 'main',
      image: `registry.local:5000/team/app@${digest}`,
      entryPoint: null,
      command: ['serve'],
      environment: { A: '1', B: '1' },
      workingDirectory: null,
      user: null,
      essential: true,
      cpuMillis: null,
      memoryMiB: null,
      readonlyRootFilesystem: false,
      init: true,
      stopSignal: null,
      stopTimeoutSeconds: 30,
      ...containerExtrasSchema.parse({}),
      ...containerLifeSchema.parse({}),
    });
  });

  it('lets a task override command and single variables of a container, by its name', () => {
    const overrides = {
      containers: [
        { name: 'main', command: [], environment: { B: '2', C: '3' } },
        { name: 'other', command: ['x'] },
      ],
    };
    expect(first(source({ overrides }))).toMatchObject({ command: [], environment: { A: '1', B: '2', C: '3' } });
  });

  it('runs the digest of the registration, whatever registry and tag were written', () => {
    const withImage = (image: string) => first(source({ definition: { pidsLimit: 100, containers: [{ ...container, image }] } }))?.image;
    expect(withImage('quay.io/team/app:2')).toBe(`quay.io/team/app@${digest}`);
    expect(withImage(`app@sha256:${'b'.repeat(64)}`)).toBe(`registry.local:5000/app@${digest}`);
  });
});
