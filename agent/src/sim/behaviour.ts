// What a simulated container does, read from its command.
import type { ContainerSpec } from '@berth/contract';

export type Behaviour =
  | { readonly kind: 'run' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'fail' }
  /** It runs once its image was pulled; null: that never comes. */
  | { readonly kind: 'pull'; readonly forMs: number | null }
  /** It runs and sends to the outside. */
  | { readonly kind: 'send'; readonly bytesPerSecond: number }
  | { readonly kind: 'exit'; readonly afterMs: number; readonly exitCode: number; readonly oomKilled: boolean };

export function behaviourOf({ entryPoint, command }: Pick<ContainerSpec, 'entryPoint' | 'command'>): Behaviour {
  const [verb = '', value = ''] = [...(entryPoint ?? []), ...(command ?? [])];
  const number = Number(value);
  switch (verb) {
    case 'sleep':
      return Number.isFinite(number) ? { kind: 'exit', afterMs: number * 1000, exitCode: 0, oomKilled: false } : { kind: 'run' };
    case 'exit':
      return { kind: 'exit', afterMs: 0, exitCode: Number.isInteger(number) ? number & 255 : 0, oomKilled: false };
    case 'oom':
      return { kind: 'exit', afterMs: 0, exitCode: 137, oomKilled: true };
    case 'pull':
      return { kind: 'pull', forMs: value === '' ? null : number };
    case 'send':
      return { kind: 'send', bytesPerSecond: number };
    case 'fail':
    case 'hang':
      return { kind: verb };
    default:
      return { kind: 'run' };
  }
}
