// Task specs for the agent's tests. What a test does not name is as the contract has it by default.
import { randomUUID } from 'node:crypto';
import { type ContainerSpec, type TaskSpec, taskSpecSchema } from '@berth/contract';

const containerSpecSchema = taskSpecSchema.shape.containers.element;

export function containerSpec(changes: Partial<ContainerSpec> = {}): ContainerSpec {
  const plain = containerSpecSchema.parse({
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
  });
  return { ...plain, ...changes };
}

export function taskSpec(changes: Partial<TaskSpec> = {}): TaskSpec {
  const plain = taskSpecSchema.parse({
    taskId: randomUUID(),
    tenantId: 'tenant',
    name: null,
    family: 'web',
    revision: 1,
    cpuMillis: 100,
    memoryMiB: 64,
    pidsLimit: 64,
    containers: [containerSpec()],
  });
  return { ...plain, ...changes };
}
