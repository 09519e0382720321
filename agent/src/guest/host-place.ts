// What a task may know of where it runs: the host's place in the world and its network, and nothing that tells one
// host from the next.
export interface HostPlace {
  readonly region: string;
  readonly zone: string;
  readonly instanceType: string;
  /** As EC2 calls it. */
  readonly architecture: 'x86_64' | 'arm64';
  /** The network of this host's tasks, e.g. 10.66.0.0/16. */
  readonly cidr: string;
  readonly gateway: string;
  macOf(address: string): string;
}

export const partition = 'berth';
export const cluster = 'default';

/** In the form of AWS, so that what takes one apart finds its parts; the partition says whose it is. */
export function arn(service: string, place: Pick<HostPlace, 'region'>, tenantId: string, resource: string): string {
  return `arn:${partition}:${service}:${place.region}:${tenantId}:${resource}`;
}

export function taskArn(place: Pick<HostPlace, 'region'>, tenantId: string, taskId: string): string {
  return arn('ecs', place, tenantId, `task/${cluster}/${taskId.replaceAll('-', '')}`);
}
