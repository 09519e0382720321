// What a pool can be given more of: each type in each zone, on the market whose turn it is, less what EC2 is out of.
import type { Market, PoolInstanceType } from '@berth/contract';
import type { HostSpec, Size } from '../placement/engine/types.js';
import { volumeKindAttribute } from '../placement/host-spec.js';
import type { FleetHost, MachineView, PoolView, Shortage } from './types.js';

export interface Offer {
  readonly pool: PoolView;
  readonly type: PoolInstanceType;
  readonly zone: string;
  readonly market: Market;
  /** Millionths of the currency, for an hour. */
  readonly priceMicros: number;
}

/** Who is in a pool already, those on their way in included. */
export interface PoolCount {
  /** All that have not ended: what `maxHosts` bounds. */
  readonly present: number;
  readonly onDemand: number;
  readonly spot: number;
}

export function countOf(pool: PoolView, machines: readonly MachineView[]): PoolCount {
  const present = machines.filter(({ poolId }) => poolId === pool.id);
  const staying = present.filter(({ state }) => state !== 'draining' && state !== 'ending');
  const spot = staying.filter(({ market }) => market === 'spot').length;
  return { present: present.length, spot, onDemand: staying.length - spot };
}

/** @returns what the pool may buy one more of; nothing when it is full. Spot gives way to on-demand where it has nothing. */
export function offersOf(pool: PoolView, count: PoolCount, shortages: readonly Shortage[], nowMs: number): Offer[] {
  if (count.present >= pool.settings.maxHosts) return [];
  const out = new Set(shortages.filter(({ untilMs }) => untilMs > nowMs).map(stockKey));
  const on = (market: Market) => offersOn(pool, market).filter((offer) => !out.has(stockKey({ ...offer, instanceType: offer.type.name })));
  const first = marketFor(pool, count);
  const offers = on(first);
  return offers.length > 0 || first === 'on-demand' ? offers : on('on-demand');
}

/** The base is bought on demand; beyond it, spot may be at most its share. */
function marketFor({ settings }: PoolView, { onDemand, spot }: PoolCount): Market {
  if (onDemand < settings.onDemandBase) return 'on-demand';
  const beyond = onDemand - settings.onDemandBase + spot + 1;
  return (spot + 1) * 100 <= beyond * settings.spotPercent ? 'spot' : 'on-demand';
}

function offersOn(pool: PoolView, market: Market): Offer[] {
  return pool.settings.instanceTypes.flatMap((type) => {
    const price = market === 'spot' ? type.spotPrice : type.onDemandPrice;
    if (price === undefined) return [];
    return pool.settings.zones.map(({ name }) => ({ pool, type, zone: name, market, priceMicros: toMicros(price) }));
  });
}

function stockKey({ instanceType, zone, market }: Pick<Shortage, 'instanceType' | 'zone' | 'market'>): string {
  return `${instanceType} ${zone} ${market}`;
}

/** `0.096` as 96000: exact, as prices have six decimals at the most. */
export function toMicros(price: string): number {
  const [whole = '0', fraction = ''] = price.split('.');
  return Number(whole) * 1_000_000 + Number(fraction.padEnd(6, '0'));
}

/** The other way round, with four decimals at least. */
export function fromMicros(micros: number): string {
  const fraction = String(micros % 1_000_000).padStart(6, '0');
  return `${Math.floor(micros / 1_000_000)}.${fraction.replace(/0{1,2}$/, '')}`;
}

/** What a machine of this make will be as a host. @param like hosts of the same make that are there already: they know. */
export function hostOf(id: string, pool: PoolView, type: PoolInstanceType, zone: string, like: readonly FleetHost[]): HostSpec {
  return {
    id,
    zone,
    type: type.name,
    isolation: pool.settings.isolation.join(','),
    arch: type.arch ?? 'amd64',
    ...(type.gpuModel === undefined ? {} : { gpuModel: type.gpuModel }),
    capacity: smallest(
      declared(type),
      like.map(({ spec }) => spec.capacity),
    ),
    attributes: { ...attributesLike(like), ...pool.settings.attributes, zone, pool: pool.name, instanceType: type.name },
  };
}

/** What agents say beside what we know: as of a host of the same make, or for the best as long as there is none. */
function attributesLike([one]: readonly FleetHost[]): Readonly<Record<string, string>> {
  return one?.spec.attributes ?? { [volumeKindAttribute('local')]: 'yes', [volumeKindAttribute('nfs')]: 'yes' };
}

/** More than any disk: disk is not counted. */
const uncounted = 2 ** 30;

function declared(type: PoolInstanceType): Size {
  return {
    cpuMillis: type.cpuMillis,
    memoryMiB: type.memoryMiB,
    diskMiB: type.diskMiB ?? uncounted,
    networkMbps: uncounted,
    gpuMillis: (type.gpus ?? 0) * 1000,
    addressSlots: type.taskSlots ?? 1000,
  };
}

/** What every one of them has. A type that turns out smaller than declared must not be bought for what doesn't fit on it. */
function smallest(first: Size, known: readonly Size[]): Size {
  if (known.length === 0) return first;
  const least = (name: keyof Size) => Math.min(...known.map((size) => size[name] ?? first[name] ?? 0));
  return {
    cpuMillis: least('cpuMillis'),
    memoryMiB: least('memoryMiB'),
    diskMiB: least('diskMiB'),
    networkMbps: least('networkMbps'),
    gpuMillis: least('gpuMillis'),
    addressSlots: least('addressSlots'),
  };
}
