// The way to EC2, by its SDK: starting, ending and listing the machines of this Berth. Credentials come from where the SDK
// looks for them: on EC2, the role of the control plane's machine.
import {
  DescribeInstancesCommand,
  DescribeSpotInstanceRequestsCommand,
  EC2Client,
  EC2ServiceException,
  type Instance,
  RunInstancesCommand,
  type Tag,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { Config } from '../config.js';
import { type Ec2Failure, failureOf, instancesIn } from './ec2-errors.js';
import type { LaunchOrder } from './launch-order.js';
import { type InstanceView, instanceStates } from './types.js';

/** Injection token of the `Ec2`; null where there is no way to it. */
export const EC2 = Symbol('Ec2');

type Place = NonNullable<Config['ec2']>;

/** Whose a machine is, and which: on every instance, and never changed. */
export const tagNames = { owner: 'berth:authority', pool: 'berth:pool', machine: 'berth:machine' } as const;

export class Ec2Error extends Error {
  constructor(
    readonly failure: Ec2Failure,
    cause: Error,
  ) {
    super(cause.message, { cause });
    this.name = 'Ec2Error';
  }
}

const takenBack = new Set(['marked-for-termination', 'marked-for-stop', 'instance-terminated-by-price', 'instance-terminated-no-capacity']);
const pageSize = 1000;

export class Ec2 {
  private readonly client: EC2Client;

  /** @param owner this Berth among all that share an AWS account; never another's instances are touched. */
  constructor(
    place: Place,
    private readonly owner: string,
  ) {
    const { region, endpoint } = place;
    // Who waits how long after "too often" is decided by the fleet as a whole, not by each call.
    this.client = new EC2Client({ region, maxAttempts: 1, ...(endpoint && { endpoint }) });
  }

  /** Asks for one machine. Asked again with the same order, EC2 names the same instance. @throws Ec2Error */
  async launch(order: LaunchOrder): Promise<string> {
    const tags = this.tagsOf(order);
    const answer = await this.send(
      new RunInstancesCommand({
        ClientToken: order.machineId,
        MinCount: 1,
        MaxCount: 1,
        LaunchTemplate: { LaunchTemplateId: order.launchTemplate.id, Version: order.launchTemplate.version },
        InstanceType: order.instanceType as never,
        SubnetId: order.subnetId,
        UserData: Buffer.from(order.userData).toString('base64'),
        InstanceInitiatedShutdownBehavior: 'terminate',
        ...(order.market === 'spot' && {
          InstanceMarketOptions: {
            MarketType: 'spot',
            SpotOptions: { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate' },
          },
        }),
        TagSpecifications: [
          { ResourceType: 'instance', Tags: tags },
          { ResourceType: 'volume', Tags: tags },
          ...(order.market === 'spot' ? [{ ResourceType: 'spot-instances-request' as const, Tags: tags }] : []),
        ],
      }),
    );
    const id = answer.Instances?.[0]?.InstanceId;
    if (!id) throw new Ec2Error('unknown', new Error('EC2 named no instance in its answer'));
    return id;
  }

  /** Ends instances. Those that are gone already count as ended. @throws Ec2Error */
  async terminate(instanceIds: readonly string[]): Promise<void> {
    let left = [...instanceIds];
    while (left.length > 0) {
      try {
        await this.send(new TerminateInstancesCommand({ InstanceIds: left }));
        return;
      } catch (error) {
        if (!(error instanceof Ec2Error) || error.failure !== 'gone') throw error;
        const gone = instancesIn(error.message);
        if (!gone.some((id) => left.includes(id))) throw error;
        left = left.filter((id) => !gone.includes(id));
      }
    }
  }

  /** All instances of this Berth, ended ones for as long as EC2 remembers them. @throws Ec2Error */
  async list(): Promise<InstanceView[]> {
    const [instances, interrupted] = await Promise.all([this.instances(), this.interrupted()]);
    return instances.flatMap((instance) => viewOf(instance, interrupted) ?? []);
  }

  close(): void {
    this.client.destroy();
  }

  private async instances(): Promise<Instance[]> {
    const found: Instance[] = [];
    let token: string | undefined;
    do {
      const page = await this.send(new DescribeInstancesCommand({ Filters: this.ours(), MaxResults: pageSize, NextToken: token }));
      found.push(...(page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances));
      token = page.NextToken || undefined;
    } while (token);
    return found;
  }

  private async interrupted(): Promise<Set<string>> {
    const found = new Set<string>();
    let token: string | undefined;
    do {
      const page = await this.send(
        new DescribeSpotInstanceRequestsCommand({ Filters: this.ours(), MaxResults: pageSize, NextToken: token }),
      );
      for (const { InstanceId, Status } of page.SpotInstanceRequests ?? [])
        if (InstanceId && takenBack.has(Status?.Code ?? '')) found.add(InstanceId);
      token = page.NextToken || undefined;
    } while (token);
    return found;
  }

  private ours() {
    return [{ Name: `tag:${tagNames.owner}`, Values: [this.owner] }];
  }

  private tagsOf({ machineId, poolName, hostName, tags }: LaunchOrder): Tag[] {
    const all = { Name: hostName, ...tags, [tagNames.owner]: this.owner, [tagNames.pool]: poolName, [tagNames.machine]: machineId };
    return Object.entries(all).map(([Key, Value]) => ({ Key, Value }));
  }

  private send: EC2Client['send'] = (async (command: Parameters<EC2Client['send']>[0]) => {
    try {
      return await this.client.send(command);
    } catch (error) {
      const answer = error instanceof EC2ServiceException ? error : null;
      throw new Ec2Error(failureOf(answer?.name ?? null, answer?.$metadata.httpStatusCode ?? null), error as Error);
    }
  }) as EC2Client['send'];
}

function viewOf(instance: Instance, interrupted: ReadonlySet<string>): InstanceView | null {
  const state = instanceStates.find((one) => one === instance.State?.Name);
  if (!instance.InstanceId || !state) return null;
  return {
    id: instance.InstanceId,
    machineId: instance.Tags?.find(({ Key }) => Key === tagNames.machine)?.Value ?? null,
    state,
    launchedAtMs: instance.LaunchTime?.getTime() ?? 0,
    interrupted: interrupted.has(instance.InstanceId),
  };
}
