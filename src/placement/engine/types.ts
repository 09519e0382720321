// What goes into the placement engine and what comes out: plain data, so that a log of commands can be kept and replayed.

/** Integers only. A dimension left out of a host is not offered; left out of a task, it is not needed (address slots: 1). */
export interface Size {
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly diskMiB?: number;
  readonly networkMbps?: number;
  /** Thousandths of a GPU. Below 1000 it is a share of one device; above, it must be whole devices. */
  readonly gpuMillis?: number;
  readonly addressSlots?: number;
}

export interface HostSpec {
  readonly id: string;
  readonly zone: string;
  /** Instance type, or any name that hosts of one make share. */
  readonly type: string;
  /** The tiers that it has, separated by commas. */
  readonly isolation: string;
  readonly arch: string;
  readonly gpuModel?: string;
  readonly capacity: Size;
  readonly attributes: Readonly<Record<string, string>>;
}

export type AttributeRule =
  | { readonly key: string; readonly op: 'in' | 'notIn'; readonly values: readonly string[] }
  | { readonly key: string; readonly op: 'exists' | 'absent' };

/** A label is `key=value`. The caller scopes labels to their tenant, for the engine knows none. */
export interface LabelRule {
  readonly label: string;
  readonly scope: 'host' | 'zone';
}

export const tiers = ['spot', 'flex', 'guaranteed'] as const;
export type Tier = (typeof tiers)[number];

/** How long a task is expected to live: 0 minutes, 1 hours, 2 about a day, 3 longer (services). */
export type Lifetime = 0 | 1 | 2 | 3;

/** All that tasks of one make have in common. Pass the same frozen object again and again: it is compiled once. */
export interface ShapeSpec {
  readonly size: Size;
  readonly tier: Tier;
  /** The reservation that a `guaranteed` task draws on. */
  readonly capacityGroup?: string;
  readonly zones?: readonly string[];
  readonly arch?: string;
  readonly isolation?: string;
  readonly gpuModels?: readonly string[];
  readonly attributes?: readonly AttributeRule[];
  readonly labels?: readonly string[];
  readonly affinity?: readonly LabelRule[];
  readonly antiAffinity?: readonly LabelRule[];
  readonly hostPorts?: readonly number[];
  readonly exclusiveHost?: boolean;
  /** At most so many tasks of the same group on a host; 1 is “unique host”. */
  readonly maxPerHost?: number;
  /** Soft: hosts with the fewest tasks of the group first. Without it, tasks are packed. */
  readonly spread?: boolean;
  /** Soft: zones with the fewest tasks of the group first. */
  readonly balanceZones?: boolean;
  /** Soft, last: a host that has this image already. */
  readonly image?: string;
  /** Left out: not known. It counts as 0 until `expect` says more, for example because of its age. */
  readonly lifetime?: Lifetime;
  /** A `flex` task that `guaranteed` ones may evict. `spot` tasks always are. */
  readonly preemptible?: boolean;
  /** The disruption budget against which its evictions count; left out: its group's. One that was never told allows none. */
  readonly budget?: string;
}

export interface PlaceRequest {
  readonly task: string;
  readonly shape: ShapeSpec;
  /** Service or job. Per-host limits, spreading, balance and disruption budgets count within it. */
  readonly group?: string;
  /** Where the task's volumes lie. */
  readonly pin?: { readonly host?: string; readonly zone?: string };
  /** May evict tasks of lower tiers. */
  readonly preempt?: boolean;
}

export type Refusal = 'no-host' | 'reservation' | 'reserved-for-others' | 'gang' | 'duplicate';

export type Placement =
  | {
      readonly placed: true;
      readonly task: string;
      readonly host: string;
      readonly devices: readonly number[];
      readonly victims: readonly string[];
    }
  | { readonly placed: false; readonly task: string; readonly reason: Refusal };

export type Command =
  | { readonly kind: 'hostUp'; readonly host: HostSpec }
  | { readonly kind: 'hostDown'; readonly host: string }
  | { readonly kind: 'drain' | 'undrain'; readonly host: string }
  | { readonly kind: 'place'; readonly request: PlaceRequest }
  | { readonly kind: 'placeGang'; readonly requests: readonly PlaceRequest[]; readonly min: number }
  /** The task is on that host already, whether it fits or not. */
  | { readonly kind: 'adopt'; readonly request: PlaceRequest; readonly host: string }
  | { readonly kind: 'release'; readonly task: string }
  | { readonly kind: 'expect'; readonly task: string; readonly lifetime: Lifetime }
  | { readonly kind: 'reserve'; readonly group: string; readonly size: Size }
  | { readonly kind: 'budget'; readonly group: string; readonly evictions: number }
  | { readonly kind: 'image'; readonly host: string; readonly image: string; readonly present: boolean };

/** `tasks` are those that the command took from their host: lost with it, or released. */
export interface Outcome {
  readonly placements: readonly Placement[];
  readonly tasks: readonly string[];
}
