// What agents' journals say that tasks used, worked out anew: from when processes were let go, when they ended and which
// size they had in between. Knows the journal's lines and nothing else: it shares no code with the agent's meter nor with
// the intake, so that a mistake in either shows as a difference.
import { crc32 } from 'node:zlib';

export interface Metered {
  readonly ms: bigint;
  /** Milli-CPU × ms, MiB × ms. */
  readonly cpu: bigint;
  readonly memory: bigint;
}

/** What is counted beside that. */
export interface Extras {
  /** Bytes that were sent to the outside. */
  readonly egress: bigint;
  /** While images were pulled before the first process ran. */
  readonly pull: Metered;
}

export interface TaskFacts extends Extras {
  readonly taskId: string;
  /** When the first process was let go. */
  readonly fromMs: number;
  /** When the last one ended; null: it runs. */
  readonly untilMs: number | null;
  /** Up to here the agent has closed intervals of a task that runs. */
  readonly closedUntilMs: number;
  /** False when only the end of its story is left in the journal: then its time is known, and not each size. */
  readonly whole: boolean;
  /** The same of what is counted beside its time. */
  readonly counted: boolean;
  readonly sizes: readonly Size[];
}

interface Size {
  readonly fromMs: number;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly frozen: boolean;
}

interface Story {
  firstMs: number | null;
  startingMs: Map<string, number>;
  live: Set<string>;
  lastExitMs: number | null;
  stopMs: number | null;
  idleAtStop: boolean;
  ended: boolean;
  closedUntilMs: number;
  whole: boolean;
  counted: boolean;
  sizes: Size[];
  counterBytes: number;
  egress: bigint;
  pullMs: bigint;
}

interface Entry {
  readonly kind: string;
  readonly taskId?: string;
  readonly atMs?: number;
  readonly container?: string;
  readonly spec?: { cpuMillis: number; memoryMiB: number };
  readonly adjusted?: { cpuMillis: number; memoryMiB: number; frozen: boolean };
  readonly bytes?: number;
  readonly pulled?: { fromMs: number; untilMs: number };
  readonly record?: JournaledRecord;
}

interface JournaledRecord {
  readonly taskId: string;
  readonly state: string;
  readonly spec: { cpuMillis: number; memoryMiB: number } | null;
  readonly ranFromMs: number | null;
  readonly adjusted?: { frozen: boolean };
  readonly stop: object | null;
  readonly usage: { openFromMs: number | null; nextSequence: number };
  readonly egress?: { counterBytes: number };
  readonly containers: readonly { name: string; state: string; startingAtMs: number | null; finishedAtMs: number | null }[];
}

/** @param journals of one host: the files of its history, oldest first, then the journal itself */
export function factsOf(journals: Iterable<string>): TaskFacts[] {
  const stories = new Map<string, Story>();
  for (const text of journals) for (const entry of entriesOf(text)) tell(stories, entry);
  return [...stories].flatMap(([taskId, story]) => (story.firstMs === null ? [] : [toFacts(taskId, story, story.firstMs)]));
}

/** From the first to the last instant that one host's journals tell of, in the order of `factsOf`. Null: of none. */
export function spanOf(journals: Iterable<string>): { fromMs: number; untilMs: number } | null {
  let [fromMs, untilMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const text of journals)
    for (const { atMs } of entriesOf(text)) {
      if (atMs === undefined) continue;
      // The oldest file begins with what was first: a clock that was set back later opens no earlier time.
      if (fromMs === Number.POSITIVE_INFINITY) fromMs = atMs;
      untilMs = Math.max(untilMs, atMs);
    }
  return untilMs > fromMs ? { fromMs, untilMs } : null;
}

/** What was used up to `untilMs`, or to the task's end. */
export function meteredOf({ fromMs, untilMs, sizes }: TaskFacts, upToMs: number): Metered {
  const end = Math.min(untilMs ?? upToMs, upToMs);
  let sum = { ms: 0n, cpu: 0n, memory: 0n };
  sizes.forEach((size, index) => {
    const from = Math.max(fromMs, size.fromMs);
    const ms = BigInt(Math.max(0, Math.min(end, sizes[index + 1]?.fromMs ?? end) - from));
    const cpu = size.frozen ? 0n : ms * BigInt(size.cpuMillis);
    sum = { ms: sum.ms + ms, cpu: sum.cpu + cpu, memory: sum.memory + ms * BigInt(size.memoryMiB) };
  });
  return sum;
}

/** Torn and damaged lines are left out, as the agent does. */
function* entriesOf(text: string): Generator<Entry> {
  for (const line of text.split('\n')) {
    const json = line.slice(9);
    if (line[8] === ' ' && line.slice(0, 8) === crc32(json).toString(16).padStart(8, '0')) yield JSON.parse(json) as Entry;
  }
}

function tell(stories: Map<string, Story>, entry: Entry): void {
  if (entry.kind === 'record' && entry.record) {
    // What is known from the entries themselves needs no summary.
    if (!stories.has(entry.record.taskId)) stories.set(entry.record.taskId, fromRecord(entry.record));
    return;
  }
  const { taskId, atMs } = entry;
  if (taskId === undefined || atMs === undefined) return;
  if (entry.kind === 'accepted' && entry.spec && !stories.has(taskId)) stories.set(taskId, newStory(entry.spec));
  const story = stories.get(taskId);
  if (story && !story.ended) happen(story, entry, atMs);
}

function happen(story: Story, entry: Entry, atMs: number): void {
  const container = entry.container ?? '';
  switch (entry.kind) {
    case 'container-starting':
      story.startingMs.set(container, atMs);
      return;
    case 'container-absent':
      story.startingMs.delete(container);
      return;
    case 'container-started':
      story.firstMs = Math.min(story.firstMs ?? atMs, atMs);
      story.live.add(container);
      return;
    case 'container-exited':
      exited(story, container, atMs);
      return;
    case 'adjusted':
      if (entry.adjusted) resized(story, { ...entry.adjusted, fromMs: atMs });
      return;
    case 'thawed':
      resized(story, { ...(story.sizes.at(-1) as Size), frozen: false, fromMs: atMs });
      return;
    case 'prepared':
      // One that ran holds its resources anyway.
      if (story.firstMs === null && entry.pulled) story.pullMs += BigInt(entry.pulled.untilMs - entry.pulled.fromMs);
      return;
    case 'egress-read':
      sent(story, entry.bytes ?? 0);
      return;
    case 'usage-cut':
      story.closedUntilMs = Math.max(story.closedUntilMs, atMs);
      return;
    case 'stop-wanted':
    case 'start-failed':
      if (story.stopMs === null) story.idleAtStop = story.live.size === 0;
      story.stopMs ??= atMs;
      return;
    case 'rebooted':
    case 'cleaned':
      for (const name of [...story.live]) exited(story, name, atMs);
      story.ended = entry.kind === 'cleaned';
  }
}

function exited(story: Story, container: string, atMs: number): void {
  if (!story.live.has(container)) {
    const begun = story.startingMs.get(container);
    if (begun === undefined) return;
    story.firstMs = Math.min(story.firstMs ?? begun, begun);
  }
  story.live.delete(container);
  story.startingMs.delete(container);
  story.lastExitMs = Math.max(story.lastExitMs ?? atMs, atMs);
}

/** A counter that has become smaller began anew. */
function sent(story: Story, bytes: number): void {
  story.egress += BigInt(bytes < story.counterBytes ? bytes : bytes - story.counterBytes);
  story.counterBytes = bytes;
}

function resized(story: Story, size: Size): void {
  story.sizes.push(size);
  if (story.firstMs !== null) story.closedUntilMs = Math.max(story.closedUntilMs, size.fromMs);
}

function newStory({ cpuMillis, memoryMiB }: { cpuMillis: number; memoryMiB: number }): Story {
  return {
    firstMs: null,
    startingMs: new Map(),
    live: new Set(),
    lastExitMs: null,
    stopMs: null,
    idleAtStop: false,
    ended: false,
    closedUntilMs: 0,
    whole: true,
    counted: true,
    counterBytes: 0,
    egress: 0n,
    pullMs: 0n,
    sizes: [{ fromMs: 0, cpuMillis, memoryMiB, frozen: false }],
  };
}

function fromRecord({ state, spec, ranFromMs, adjusted, stop, usage, egress, containers }: JournaledRecord): Story {
  const ends = containers.flatMap(({ finishedAtMs }) => finishedAtMs ?? []);
  const story = newStory(spec ?? { cpuMillis: 0, memoryMiB: 0 });
  const first = story.sizes[0] as Size;
  return {
    ...story,
    firstMs: ranFromMs,
    startingMs: new Map(containers.flatMap(({ name, startingAtMs }) => (startingAtMs === null ? [] : [[name, startingAtMs] as const]))),
    live: new Set(containers.filter((each) => each.state === 'running').map(({ name }) => name)),
    lastExitMs: ends.length > 0 ? Math.max(...ends) : null,
    stopMs: stop ? 0 : null,
    ended: state === 'stopped',
    closedUntilMs: usage.openFromMs ?? 0,
    whole: adjusted === undefined,
    counted: egress === undefined && usage.nextSequence === 0,
    sizes: [{ ...first, frozen: adjusted?.frozen ?? false }],
  };
}

function toFacts(taskId: string, story: Story, firstMs: number): TaskFacts {
  const lastExit = story.lastExitMs ?? firstMs;
  // One that is stopped between two attempts held its resources until then.
  const end = story.idleAtStop ? Math.max(lastExit, story.stopMs ?? 0) : lastExit;
  return {
    taskId,
    fromMs: firstMs,
    untilMs: story.ended ? Math.max(firstMs, end) : null,
    closedUntilMs: story.closedUntilMs,
    whole: story.whole,
    counted: story.counted,
    sizes: story.sizes,
    egress: story.egress,
    pull: pullOf(story),
  };
}

/** A size can be changed only once it runs. */
function pullOf({ pullMs: ms, sizes }: Story): Metered {
  const { cpuMillis, memoryMiB } = sizes[0] as Size;
  return { ms, cpu: ms * BigInt(cpuMillis), memory: ms * BigInt(memoryMiB) };
}
