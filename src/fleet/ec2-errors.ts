// What an error of EC2 means for whoever asked. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html

export type Ec2Failure =
  /** It has none of that type there, or we may have no more of them. */
  | 'out-of-stock'
  /** We ask too often. */
  | 'throttled'
  /** The instance is not there (any more). */
  | 'gone'
  /** The same request will fail again until somebody changes something. */
  | 'refused'
  /** It may or may not have been done. Asking again is safe. */
  | 'unknown';

const outOfStock = new Set([
  'InsufficientInstanceCapacity',
  'InsufficientHostCapacity',
  'InsufficientReservedInstanceCapacity',
  'InsufficientCapacity',
  'InsufficientFreeAddressesInSubnet',
  'InstanceLimitExceeded',
  'VcpuLimitExceeded',
  'SpotMaxPriceTooLow',
  'MaxSpotInstanceCountExceeded',
  'Unsupported',
]);
const throttled = new Set(['RequestLimitExceeded', 'Throttling', 'ThrottlingException', 'EC2ThrottledException', 'RequestThrottled']);
const gone = new Set(['InvalidInstanceID.NotFound', 'InvalidInstanceID.Malformed']);
/** The first answer was lost and the request has changed since: the instance will be found by its tag. */
const unknown = new Set([
  'IdempotentParameterMismatch',
  'IdempotentInstanceTerminated',
  'InternalError',
  'InternalFailure',
  'Unavailable',
  'ServiceUnavailable',
]);

/** @param code of EC2's answer; null when there was none. */
export function failureOf(code: string | null, httpStatus: number | null): Ec2Failure {
  if (code === null || httpStatus === null) return 'unknown';
  if (outOfStock.has(code)) return 'out-of-stock';
  if (throttled.has(code) || httpStatus === 429) return 'throttled';
  if (gone.has(code)) return 'gone';
  return unknown.has(code) || httpStatus >= 500 ? 'unknown' : 'refused';
}

const backOff = { firstMs: 1_000, mostMs: 60_000 };

/** How long to leave EC2 alone after `times` answers in a row that we ask too often. One leader asks: no jitter is needed. */
export function backOffMs(times: number): number {
  return times === 0 ? 0 : Math.min(backOff.mostMs, backOff.firstMs * 2 ** Math.min(times - 1, 16));
}

/** The instances that such an error names: EC2 then did nothing for the others either. */
export function instancesIn(message: string): string[] {
  return message.match(/\bi-[0-9a-f]{8,17}\b/g) ?? [];
}
