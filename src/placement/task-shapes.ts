// Tasks' rows as the engine takes them. Rows that ask for the same get the same frozen shape, which the engine knows at once.
import { limits } from '@berth/contract';
import type { AttributeRule, LabelRule, PlaceRequest, ShapeSpec, Size } from './engine/types.js';
import type { Needs, TaskRow } from './fleet.js';
import { delegationAttribute, volumeKindAttribute } from './host-spec.js';

type Rules = NonNullable<Needs['placement']>;

/** What of its row a shape is made of. */
export type Asking = Pick<TaskRow, 'tenantId' | 'cpuMillis' | 'memoryMiB' | 'needs' | 'tags' | 'stopping' | 'budgetGroup'>;

interface Parsed {
  readonly needs: Needs;
  /** Names other tasks of the tenant, so that shapes of two tenants are never the same. */
  readonly ofTenant: boolean;
}

const udp = 65_536;

export class TaskShapes {
  private readonly parsed = new Map<string, Parsed>();
  private readonly shapes = new Map<string, ShapeSpec>();
  /** By tenant: the tags that some rule of a task names. Others would only make shapes many. */
  private readonly sought = new Map<string, Set<string>>();

  /** @param capacityGroupOf the capacity group of a tenant, if it has one. */
  constructor(private readonly capacityGroupOf: (tenantId: string) => string | undefined) {}

  get count(): number {
    return this.shapes.size;
  }

  needsOf(text: string): Needs {
    return this.parse(text).needs;
  }

  /** Takes note of the tags that the row's rules name. @returns those that no rule has named before. */
  seek(row: Pick<Asking, 'tenantId' | 'needs'>): { readonly key: string; readonly value: string }[] {
    const { affinity = [], antiAffinity = [] } = this.parse(row.needs).needs.placement ?? {};
    const fresh: { key: string; value: string }[] = [];
    for (const { tag } of [...affinity, ...antiAffinity]) {
      const known = this.sought.get(row.tenantId) ?? new Set<string>();
      this.sought.set(row.tenantId, known);
      if (known.has(wordsOf(tag.key, tag.value))) continue;
      known.add(wordsOf(tag.key, tag.value));
      fresh.push(tag);
    }
    return fresh;
  }

  requestOf(row: Asking & Pick<TaskRow, 'id' | 'group'>): PlaceRequest {
    const { capacityTier, family } = this.parse(row.needs).needs;
    const request = { task: row.id, shape: this.shapeOf(row), ...(capacityTier === 'spot' ? {} : { preempt: true }) };
    if (row.group !== null) return { ...request, group: `${row.tenantId}/${row.group}` };
    return family === undefined ? request : { ...request, group: `${row.tenantId}//${family}` };
  }

  shapeOf(row: Asking): ShapeSpec {
    const { needs, ofTenant } = this.parse(row.needs);
    const labels = this.labelsOf(row);
    const scope = ofTenant || labels.length > 0 || needs.capacityTier === 'guaranteed' ? row.tenantId : '';
    const key = `${row.cpuMillis}/${row.memoryMiB}/${row.stopping ? '-' : ''}/${scope}/${labels.join('\n')}/${row.budgetGroup ?? ''}/${row.needs}`;
    const known = this.shapes.get(key);
    if (known) return known;
    const shape = Object.freeze(this.make(row, needs, labels));
    this.shapes.set(key, shape);
    return shape;
  }

  private make(row: Asking, needs: Needs, labels: readonly string[]): ShapeSpec {
    const { capacityTier: tier = 'flex' } = needs;
    const group = tier === 'guaranteed' ? this.capacityGroupOf(row.tenantId) : undefined;
    return {
      size: sizeOf(row, needs),
      // One that leaves can't be made to leave, whatever it was promised.
      tier: row.stopping && tier === 'spot' ? 'flex' : tier,
      ...(group === undefined ? {} : { capacityGroup: group }),
      ...(needs.isolation === undefined ? {} : { isolation: needs.isolation }),
      ...(row.budgetGroup === null ? {} : { budget: row.budgetGroup }),
      ...(needs.image === undefined ? {} : { image: needs.image }),
      ...(needs.gpus?.models ? { gpuModels: needs.gpus.models } : {}),
      ...(needs.hostPorts ? { hostPorts: needs.hostPorts.map(portNumber) } : {}),
      ...(labels.length > 0 ? { labels } : {}),
      ...(needs.placement ? rulesOf(needs.placement, row.tenantId) : {}),
      ...attributesOf(needs),
    };
  }

  private labelsOf({ tenantId, tags }: Asking): readonly string[] {
    const sought = tags && this.sought.get(tenantId);
    if (!sought) return [];
    return Object.entries(tags)
      .map(([key, value]) => wordsOf(key, value))
      .filter((words) => sought.has(words))
      .map((words) => labelOf(tenantId, words))
      .sort();
  }

  private parse(text: string): Parsed {
    let parsed = this.parsed.get(text);
    if (!parsed) {
      const needs = JSON.parse(text) as Needs;
      parsed = { needs, ofTenant: [needs.placement?.affinity, needs.placement?.antiAffinity].some((rules) => (rules?.length ?? 0) > 0) };
      this.parsed.set(text, parsed);
    }
    return parsed;
  }
}

function sizeOf({ cpuMillis, memoryMiB }: Asking, needs: Needs): Size {
  return {
    cpuMillis,
    memoryMiB,
    diskMiB: needs.diskMiB ?? limits.ephemeralStorageMiB.default,
    ...(needs.networkMbps === undefined ? {} : { networkMbps: needs.networkMbps }),
    ...(needs.gpus === undefined ? {} : { gpuMillis: needs.gpus.count * 1000 }),
  };
}

function rulesOf(rules: Rules, tenantId: string): Partial<ShapeSpec> {
  const maxPerHost = rules.uniqueHost ? 1 : rules.maxPerHost;
  return {
    ...(rules.zones ? { zones: rules.zones } : {}),
    ...(rules.architecture === undefined ? {} : { arch: rules.architecture }),
    ...(rules.affinity ? { affinity: rules.affinity.map((rule) => labelRule(rule, tenantId)) } : {}),
    ...(rules.antiAffinity ? { antiAffinity: rules.antiAffinity.map((rule) => labelRule(rule, tenantId)) } : {}),
    ...(maxPerHost === undefined ? {} : { maxPerHost }),
    ...(rules.exclusiveHost ? { exclusiveHost: true } : {}),
    ...(rules.strategy === 'spread' ? { spread: true } : {}),
    ...(rules.zoneBalance ? { balanceZones: true } : {}),
  };
}

function attributesOf({ placement, volumeKinds = [], delegateCgroup }: Needs): Pick<ShapeSpec, 'attributes'> {
  const keys = [...volumeKinds.map(volumeKindAttribute), ...(delegateCgroup ? [delegationAttribute] : [])];
  const attributes = [...(placement?.attributes ?? []).map(attributeRule), ...keys.map((key) => ({ key, op: 'exists' as const }))];
  return attributes.length > 0 ? { attributes } : {};
}

function attributeRule(rule: NonNullable<Rules['attributes']>[number]): AttributeRule {
  return rule.operator === 'in' || rule.operator === 'notIn'
    ? { key: rule.key, op: rule.operator, values: rule.values }
    : { key: rule.key, op: rule.operator };
}

function labelRule({ tag, within }: NonNullable<Rules['affinity']>[number], tenantId: string): LabelRule {
  return { label: labelOf(tenantId, wordsOf(tag.key, tag.value)), scope: within ?? 'host' };
}

/** Both may contain "=". */
function wordsOf(key: string, value: string): string {
  return JSON.stringify([key, value]);
}

function labelOf(tenantId: string, words: string): string {
  return `${tenantId}/${words}`;
}

/** `tcp/80` and `udp/80` as two numbers. */
export function portNumber(port: string): number {
  const [protocol, number] = port.split('/');
  return Number(number) + (protocol === 'udp' ? udp : 0);
}

export function portName(number: number): string {
  return number >= udp ? `udp/${number - udp}` : `tcp/${number}`;
}
