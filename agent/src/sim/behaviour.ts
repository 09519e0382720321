// What a simulated container does, read from its command.
import type { ContainerSpec } from '@berth/contract';

export type Behaviour =
  | { readonly kind: 'run' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'fail' }
  /** Its image never comes. */
  | { readonly kind: 'pull' }
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
    case 'fail':
    case 'pull':
    case 'hang':
      return { kind: verb };
    default:
      return { kind: 'run' };
  }
}
