// The tree that EC2's instance metadata shows, for one task: paths, listings and leaves. Names are those of
// docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html; what makes no sense for a task (AMIs,
// block devices, public keys) is not there, as on an instance that has none.
import { toInstant } from '../instant.js';
import type { GuestTask } from './directory.js';
import { type HostPlace, partition } from './host-place.js';
import { canonicalName, zone } from './names.js';

/** A leaf that takes asking somebody else, and is made when it is read. */
export type Leaf = string | (() => Promise<string>);
export interface Tree {
  readonly [name: string]: Leaf | Tree;
}

export type Found =
  | { readonly kind: 'listing'; readonly text: string }
  | { readonly kind: 'leaf'; readonly leaf: Leaf }
  | { readonly kind: 'none' };

/** A release of the interface by its date; whatever date it is, the answer is the newest. */
const release = /^\d{4}-\d{2}-\d{2}$|^1\.0$/;
const deepest = 12;

/** @param path of the URL, with or without a slash at its end. */
export function find(tree: Tree, path: string): Found {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length > deepest) return { kind: 'none' };
  if (parts[0] && release.test(parts[0])) parts[0] = 'latest';
  let here: Leaf | Tree = tree;
  for (const part of parts) {
    if (typeof here !== 'object' || !Object.hasOwn(here, part)) return { kind: 'none' };
    here = here[part] as Leaf | Tree;
  }
  if (typeof here !== 'object') return { kind: 'leaf', leaf: here };
  return { kind: 'listing', text: listing(here) };
}

function listing(tree: Tree): string {
  return Object.keys(tree)
    .map((name) => (typeof tree[name] === 'object' ? `${name}/` : name))
    .sort()
    .join('\n');
}

/** As EC2's are: `i-` and 17 hex digits. Those of the task's own id, so that one leads to the other. */
export function instanceId(taskId: string): string {
  return `i-${taskId.replaceAll('-', '').slice(0, 17)}`;
}

/** @param credentials what `iam/security-credentials/<role>` says. */
export function instanceTree(task: GuestTask, place: HostPlace, credentials: () => Promise<string>): Tree {
  const { spec } = task;
  return {
    latest: {
      'meta-data': metaData(task, place, credentials),
      ...(spec.userData === null || spec.userData === undefined ? {} : { 'user-data': spec.userData }),
      dynamic: { 'instance-identity': { document: identityDocument(task, place) } },
    },
  };
}

/** A role is named like the family: it is what a definition may do. */
export function roleOf({ spec }: GuestTask): string {
  return spec.family ?? 'task';
}

function metaData(task: GuestTask, place: HostPlace, credentials: () => Promise<string>): Tree {
  const { spec, address } = task;
  const mac = place.macOf(address);
  const name = canonicalName(spec.taskId);
  return {
    hostname: name,
    iam: { info: profile(task), 'security-credentials': { [roleOf(task)]: credentials } },
    'instance-id': instanceId(spec.taskId),
    'instance-life-cycle': 'on-demand',
    'instance-type': place.instanceType,
    'local-hostname': name,
    'local-ipv4': address,
    mac,
    network: { interfaces: { macs: { [mac]: networkInterface(task, place, name) } } },
    placement: { 'availability-zone': place.zone, region: place.region },
    services: { domain: zone, partition },
  };
}

function networkInterface({ spec, address }: GuestTask, place: HostPlace, name: string): Tree {
  return {
    'device-number': '0',
    'local-hostname': name,
    'local-ipv4s': address,
    mac: place.macOf(address),
    'owner-id': spec.tenantId,
    'subnet-ipv4-cidr-block': place.cidr,
  };
}

function profile(task: GuestTask): string {
  const { spec, record } = task;
  return json({
    Code: 'Success',
    LastUpdated: toInstant(record.acceptedAtMs),
    InstanceProfileArn: `arn:${partition}:iam::${spec.tenantId}:instance-profile/${roleOf(task)}`,
    InstanceProfileId: spec.taskId,
  });
}

function identityDocument({ spec, record, address }: GuestTask, place: HostPlace): string {
  return json({
    accountId: spec.tenantId,
    architecture: place.architecture,
    availabilityZone: place.zone,
    imageId: null,
    instanceId: instanceId(spec.taskId),
    instanceType: place.instanceType,
    pendingTime: toInstant(record.acceptedAtMs),
    privateIp: address,
    region: place.region,
    version: '2017-09-30',
  });
}

function json(value: object): string {
  return JSON.stringify(value, null, 2);
}
