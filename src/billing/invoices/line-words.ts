// What a line of an invoice is called on paper and in exports.
import type { MergedLine } from './group-lines.js';

const things: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  memory: 'Memory',
  disk: 'Ephemeral disk beyond the free part',
  gpu: 'GPU',
  volume: 'Volumes',
  egress: 'Network egress',
  address: 'Published addresses',
};

type Described = Pick<MergedLine, 'kind' | 'dimension' | 'isolation' | 'capacityTier' | 'note'>;

/** `CPU, sandbox, spot`; `Memory, free (platform fault: HostLost)`; `Commitment: year, not used`. */
export function describeLine({ kind, dimension, isolation, capacityTier, note }: Described): string {
  const thing = dimension === null ? '' : (things[dimension] ?? dimension);
  const tier = [isolation === 'sandbox' ? 'sandbox' : '', capacityTier === null || capacityTier === 'flex' ? '' : capacityTier];
  const what = [thing, ...tier].filter((part) => part !== '').join(', ');
  switch (kind) {
    case 'usage':
      return note === '' ? what : `${what} (${note})`;
    case 'minimum':
      return `${what}, up to the shortest time that is billed`;
    case 'free':
      return `${what}, free (${note})`;
    case 'reserved':
      return `${what}, ${note}`;
    case 'commitment':
    case 'discount':
    case 'credit':
      return capitalised(note || kind);
    default: {
      const never: never = kind;
      return never;
    }
  }
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
