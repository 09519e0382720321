// What tasks of a request would hold, for a quote.
import { ephemeralStorageOf, type QuoteRequest, type TaskDefinition, type TaskDefinitionSpec } from '@berth/contract';
import type { Planned } from '../billing/task-usage.js';
import { canonicalJson } from './canonical-json.js';
import { type RegisteredSpec, taskSize } from './task-definition.js';

/** @throws ApiError invalid_request when an override does not fit the definition */
export function plannedOf({ run, durationSeconds, egressMiB }: QuoteRequest, definition: TaskDefinitionSpec | TaskDefinition): Planned {
  const size = taskSize(definition as unknown as RegisteredSpec, run.overrides);
  return {
    ...size,
    count: run.count,
    durationMs: durationSeconds * 1000,
    egressBytes: BigInt(egressMiB) * 1024n * 1024n,
    holding: {
      group: { definition: definition.family, group: null, tags: canonicalJson(run.tags), userOrKey: null },
      isolation: definition.isolation,
      capacityTier: definition.capacityTier ?? 'flex',
      diskMiB: ephemeralStorageOf(definition as unknown as RegisteredSpec),
      gpus: definition.gpus?.count ?? 0,
      addresses: definition.publishedPorts?.length ?? 0,
    },
  };
}
