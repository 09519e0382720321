// Constraints that depend only on the make of a host: zone, architecture, isolation, GPU model, attributes.
import type { Pool } from './pools.js';
import type { AttributeRule, ShapeSpec } from './types.js';

export type StaticMiss = 'zone' | 'architecture' | 'isolation' | 'gpu-model' | 'attributes';

/** The first constraint that no host of the pool can meet. Attributes are only judged if all its hosts share theirs. */
export function staticMiss(spec: ShapeSpec, pool: Pool): StaticMiss | null {
  const make = pool.spec;
  if (spec.zones && !spec.zones.includes(make.zone)) return 'zone';
  if (spec.arch !== undefined && spec.arch !== make.arch) return 'architecture';
  if (spec.isolation !== undefined && !make.isolation.split(',').includes(spec.isolation)) return 'isolation';
  if (spec.gpuModels && !(make.gpuModel !== undefined && spec.gpuModels.includes(make.gpuModel))) return 'gpu-model';
  if (pool.kind >= 0 && !attributesMatch(spec.attributes, make.attributes)) return 'attributes';
  return null;
}

export function attributesMatch(rules: readonly AttributeRule[] | undefined, attributes: Readonly<Record<string, string>>): boolean {
  return (rules ?? []).every((rule) => {
    const value = Object.hasOwn(attributes, rule.key) ? attributes[rule.key] : undefined;
    switch (rule.op) {
      case 'exists':
        return value !== undefined;
      case 'absent':
        return value === undefined;
      case 'in':
        return value !== undefined && rule.values.includes(value);
      case 'notIn':
        return value === undefined || !rule.values.includes(value);
      default:
        return rule satisfies never;
    }
  });
}
