// Task specs for the agent's tests.
import { randomUUID } from 'node:crypto';
import { type ContainerSpec, containerExtrasSchema, containerLifeSchema, type TaskId, type TaskSpec } from '@berth/contract';

export function containerSpec(changes: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: 'main',
    image: `127.0.0.1:1/busybox@sha256:${'0'.repeat(64)}`,
    entryPoint: null,
    command: ['run'],
    environment: {},
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
    ...changes,
  };
}

export function taskSpec(changes: Partial<TaskSpec> = {}): TaskSpec {
  return {
    taskId: randomUUID() as TaskId,
    tenantId: 'tenant',
    name: null,
    family: 'web',
    revision: 1,
    userData: null,
    cpuMillis: 100,
    memoryMiB: 64,
    pidsLimit: 64,
    isolation: 'container',
    maxRunTimeSeconds: null,
    cpuBurst: false,
    blockIoWeight: null,
    containers: [containerSpec()],
    ...changes,
  };
}
