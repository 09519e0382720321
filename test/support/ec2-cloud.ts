// The instances behind the stand-in for EC2: they come up, boot by their user data, and go, as EC2's do. Behaves as EC2 in
// what Berth has to cope with: tokens, stock, limits, lists that lag behind, errors at the worst time.
import { createHash, randomBytes } from 'node:crypto';
import type { Fields } from './ec2-query.js';

export interface CloudInstance {
  readonly id: string;
  readonly type: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly spot: boolean;
  readonly userData: string;
  readonly tags: Record<string, string>;
  readonly launchedAt: Date;
  state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';
  /** EC2 takes it back. */
  interrupted: boolean;
}

/** What an instance does once it is there; `end` is its power being cut. */
export type Boot = (instance: CloudInstance) => Promise<{ end(): Promise<void> }>;

export interface CloudOptions {
  readonly zones: Readonly<Record<string, string>>;
  readonly launchTemplates: readonly string[];
  readonly boot: Boot;
  /** How long new instances are missing from lists. */
  readonly listedAfterMs?: number;
}

export class CloudError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

export class Ec2Cloud {
  readonly instances = new Map<string, CloudInstance>();
  /** `type zone market` of which there are none. */
  readonly outOfStock = new Set<string>();
  private readonly tokens = new Map<string, { readonly request: string; readonly instanceId: string }>();
  private readonly running = new Map<string, Promise<{ end(): Promise<void> } | null>>();

  constructor(private readonly options: CloudOptions) {}

  get alive(): CloudInstance[] {
    return [...this.instances.values()].filter(({ state }) => state === 'pending' || state === 'running');
  }

  run(fields: Fields): CloudInstance {
    const token = fields.text('ClientToken');
    const request = requestHash(fields);
    const before = token === undefined ? undefined : this.tokens.get(token);
    if (before && before.request !== request)
      throw new CloudError(
        'IdempotentParameterMismatch',
        'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
      );
    if (before) return this.instances.get(before.instanceId) as CloudInstance;
    const instance = this.newInstance(fields);
    this.instances.set(instance.id, instance);
    if (token !== undefined) this.tokens.set(token, { request, instanceId: instance.id });
    this.running.set(instance.id, this.start(instance));
    return instance;
  }

  /** As EC2: one that is not known, and none is ended. */
  terminate(ids: readonly string[]): CloudInstance[] {
    const missing = ids.filter((id) => !this.instances.has(id));
    if (missing.length > 0) throw new CloudError('InvalidInstanceID.NotFound', `The instance ID '${missing.join(', ')}' does not exist`);
    const found = ids.map((id) => this.instances.get(id) as CloudInstance);
    for (const instance of found) void this.end(instance);
    return found;
  }

  /** Those that carry the tags, as far as lists know them. */
  list(filters: readonly { readonly key: string; readonly values: readonly string[] }[], nowMs: number): CloudInstance[] {
    const { listedAfterMs = 0 } = this.options;
    return [...this.instances.values()]
      .filter(({ launchedAt }) => nowMs - launchedAt.getTime() >= listedAfterMs)
      .filter(({ tags }) => filters.every(({ key, values }) => values.includes(tags[key] ?? '')));
  }

  /** Ends an instance as somebody else would: nobody is told. */
  async end(instance: CloudInstance): Promise<void> {
    if (instance.state === 'shutting-down' || instance.state === 'terminated') return;
    instance.state = 'shutting-down';
    await (await this.running.get(instance.id))?.end();
    instance.state = 'terminated';
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.instances.values()].map((instance) => this.end(instance)));
  }

  private newInstance(fields: Fields): CloudInstance {
    const subnetId = fields.text('SubnetId') ?? '';
    const zone = this.options.zones[subnetId];
    const type = fields.text('InstanceType') ?? '';
    const template = fields.text('LaunchTemplate.LaunchTemplateId') ?? '';
    const spot = fields.text('InstanceMarketOptions.MarketType') === 'spot';
    if (!this.options.launchTemplates.includes(template))
      throw new CloudError('InvalidLaunchTemplateId.NotFound', `The launch template '${template}' does not exist.`);
    if (zone === undefined) throw new CloudError('InvalidSubnetID.NotFound', `The subnet ID '${subnetId}' does not exist`);
    if (this.outOfStock.has(`${type} ${zone} ${spot ? 'spot' : 'on-demand'}`))
      throw new CloudError('InsufficientInstanceCapacity', `We currently do not have sufficient ${type} capacity in zone ${zone}.`, 500);
    const specified = fields.list('TagSpecification').find((one) => one.text('ResourceType') === 'instance');
    const tags = (specified?.list('Tag') ?? []).map((tag) => [tag.text('Key') ?? '', tag.text('Value') ?? '']);
    return {
      id: `i-${randomBytes(9).toString('hex').slice(0, 17)}`,
      ...{ type, zone, subnetId, spot },
      userData: Buffer.from(fields.text('UserData') ?? '', 'base64').toString(),
      tags: Object.fromEntries(tags),
      launchedAt: new Date(),
      state: 'pending',
      interrupted: false,
    };
  }

  private async start(instance: CloudInstance): Promise<{ end(): Promise<void> } | null> {
    await new Promise((resolve) => setImmediate(resolve));
    if (instance.state !== 'pending') return null;
    instance.state = 'running';
    // A boot that fails leaves an instance that runs and does nothing, as on EC2.
    return this.options.boot(instance).catch(() => null);
  }
}

function requestHash(fields: Fields): string {
  const said = ['InstanceType', 'SubnetId', 'UserData', 'LaunchTemplate.LaunchTemplateId', 'InstanceMarketOptions.MarketType'];
  return createHash('sha256')
    .update(JSON.stringify(said.map((name) => fields.text(name) ?? null)))
    .digest('hex');
}
