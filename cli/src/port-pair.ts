// `[LOCAL:]REMOTE` of port-forward.
import { usage } from './failure.js';

export interface PortPair {
  /** 0: any that is free. */
  readonly local: number;
  readonly remote: number;
}

/** `8080` is the same here and there; `80:8080` is 80 here; `:8080` is any free one here. @throws Failure (usage) */
export function parsePortPair(text: string): PortPair {
  const match = /^(?:(\d{0,5}):)?(\d{1,5})$/.exec(text);
  const remote = Number(match?.[2] ?? 0);
  const local = match?.[1] === undefined ? remote : Number(match[1] || 0);
  if (remote < 1 || remote > 65_535 || local > 65_535)
    throw usage(`"${text}" are no ports.`, 'They look like 8080, 80:8080 (80 here, 8080 in the task) or :8080 (any free one here).');
  return { local, remote };
}
