// The task metadata of ECS, version 4: what a container is told about itself and its task. Field names and units are
// those of docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html.
import { type ContainerSpec, parseImageRef } from '@berth/contract';
import { toInstant } from '../instant.js';
import type { ContainerRecord } from '../state.js';
import type { GuestTask } from './directory.js';
import { arn, cluster, type HostPlace, taskArn } from './host-place.js';
import { canonicalName, searchDomains } from './names.js';

/** ECS counts 1024 for a CPU of a container, and 1 for one of a task. */
const unitsPerCpu = 1024;

export function taskDocument(task: GuestTask, place: HostPlace) {
  const { record, spec } = task;
  const { starting } = record.reachedAtMs;
  const pulledAtMs = starting === undefined ? undefined : starting + (record.startTimings?.image ?? 0);
  return {
    Cluster: cluster,
    TaskARN: taskArn(place, spec.tenantId, spec.taskId),
    Family: spec.family ?? '',
    Revision: String(spec.revision ?? ''),
    DesiredStatus: record.stop ? 'STOPPED' : 'RUNNING',
    KnownStatus: taskStatus(task),
    Limits: { CPU: spec.cpuMillis / 1000, Memory: spec.memoryMiB },
    ...times({ PullStartedAt: starting, PullStoppedAt: record.startTimings ? pulledAtMs : undefined }),
    ...times({ ExecutionStoppedAt: record.reachedAtMs.stopping }),
    AvailabilityZone: place.zone,
    LaunchType: 'EXTERNAL',
    Containers: spec.containers.map((container) => containerDocument(task, container, place)),
  };
}

export function containerDocument(task: GuestTask, container: ContainerSpec, place: HostPlace) {
  const { record, spec, address } = task;
  const status = record.containers.find(({ name }) => name === container.name);
  const image = parseImageRef(container.image, '');
  return {
    DockerId: `${spec.taskId.replaceAll('-', '')}-${container.name}`,
    Name: container.name,
    DockerName: `berth-${spec.family ?? 'task'}-${spec.revision ?? 0}-${container.name}-${spec.taskId.slice(0, 8)}`,
    Image: container.image,
    ImageID: image?.digest ?? '',
    Labels: labels(task, container.name, place),
    DesiredStatus: record.stop ? 'STOPPED' : 'RUNNING',
    KnownStatus: containerStatus(status),
    ...(status?.exitCode === null || status?.exitCode === undefined ? {} : { ExitCode: status.exitCode }),
    Limits: { CPU: ((container.cpuMillis ?? spec.cpuMillis) * unitsPerCpu) / 1000, Memory: container.memoryMiB ?? spec.memoryMiB },
    ...times({ CreatedAt: status?.startingAtMs, StartedAt: status?.startedAtMs, FinishedAt: status?.finishedAtMs }),
    Type: 'NORMAL',
    ContainerARN: arn('ecs', place, spec.tenantId, `container/${cluster}/${spec.taskId.replaceAll('-', '')}/${container.name}`),
    Networks: [networkOf(spec.taskId, address, place)],
  };
}

function labels({ spec }: GuestTask, container: string, place: HostPlace): Record<string, string> {
  return {
    'com.amazonaws.ecs.cluster': cluster,
    'com.amazonaws.ecs.container-name': container,
    'com.amazonaws.ecs.task-arn': taskArn(place, spec.tenantId, spec.taskId),
    'com.amazonaws.ecs.task-definition-family': spec.family ?? '',
    'com.amazonaws.ecs.task-definition-version': String(spec.revision ?? ''),
  };
}

function networkOf(taskId: string, address: string, place: HostPlace) {
  return {
    NetworkMode: 'awsvpc',
    IPv4Addresses: [address],
    AttachmentIndex: 0,
    MACAddress: place.macOf(address),
    IPv4SubnetCIDRBlock: place.cidr,
    DomainNameServers: [place.gateway],
    DomainNameSearchList: [...searchDomains],
    PrivateDNSName: canonicalName(taskId),
    SubnetGatewayIpv4Address: `${place.gateway}/${place.cidr.split('/')[1]}`,
  };
}

/** In the words of ECS' agent: what it last knew. */
function taskStatus({ record }: GuestTask): string {
  switch (record.state) {
    case 'pending':
    case 'placed':
      return 'NONE';
    case 'starting':
      return 'CREATED';
    case 'running':
    case 'stopping':
      return 'RUNNING';
    case 'stopped':
      return 'STOPPED';
    default:
      return record.state satisfies never;
  }
}

function containerStatus(status: ContainerRecord | undefined): string {
  switch (status?.state) {
    case 'starting':
      return 'CREATED';
    case 'running':
      return 'RUNNING';
    case 'exited':
      return 'STOPPED';
    default:
      return 'PULLED';
  }
}

/** What has not happened yet is left out, as ECS does. */
function times(of: Readonly<Record<string, number | null | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(of).flatMap(([field, atMs]) => (atMs === null || atMs === undefined ? [] : [[field, toInstant(Math.round(atMs))]])),
  );
}
