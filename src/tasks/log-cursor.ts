// Where a reader of a log goes on: for each container the place in its log after the last line that was read. As text
// `main:4711,side:12`; the id of each log event, and what a list of lines ends with.
import { containerNameSchema, type PlacedLine } from '@berth/contract';

export type LogPlaces = Readonly<Record<string, number>>;

/** Longer than any: ten containers with the longest names. */
const longest = 1000;

/** @returns null for what is no cursor. */
export function parseLogCursor(text: string): LogPlaces | null {
  if (text === '' || text.length > longest) return null;
  const places = text.split(',').map((part) => /^([a-z0-9-]+):(\d{1,15})$/.exec(part));
  if (places.some((place) => !place || !containerNameSchema.safeParse(place[1]).success)) return null;
  return Object.fromEntries(places.map((place) => [place?.[1] ?? '', Number(place?.[2])]));
}

/** Follows what a reader has read. Lines of agents that don't say their places leave it where it is. */
export class LogCursor {
  private readonly places: Map<string, number>;

  constructor(from: LogPlaces = {}) {
    this.places = new Map(Object.entries(from));
  }

  start(from: LogPlaces): void {
    for (const [container, place] of Object.entries(from)) this.places.set(container, place);
  }

  note({ container, end }: Pick<PlacedLine, 'container'> & { readonly end?: number | undefined }): void {
    if (end !== undefined) this.places.set(container, end);
  }

  /** Null before anything is known. */
  get text(): string | null {
    return this.places.size === 0 ? null : [...this.places].map(([container, place]) => `${container}:${place}`).join(',');
  }
}
