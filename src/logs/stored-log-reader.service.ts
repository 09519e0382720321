// Reads logs of ended tasks back from the log store, as their hosts would have answered.
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import {
  type LogBatch,
  type LogChunkInfo,
  type LogSelection,
  logFilter,
  mergeUntilOneEnds,
  type PlacedLine,
  parseLogLine,
  storedLogLimits,
  type TaskId,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '../errors.js';
import { chunkKey, LOG_STORE, type LogStore } from './log-store.js';
import { type StoredLog, StoredLogsStore } from './stored-logs.store.js';

const unzip = promisify(gunzip);
const newline = 0x0a;

export interface StoredLogRequest extends LogSelection {
  readonly container: string | null;
  /** By container, where in its log to begin. */
  readonly from: Readonly<Record<string, number>>;
}

@Injectable()
export class StoredLogReader {
  constructor(
    @Inject(StoredLogsStore) private readonly logs: StoredLogsStore,
    @Inject(LOG_STORE) private readonly store: LogStore | null,
  ) {}

  /** @returns null when the log is not whole in the store: then its host has to be asked. */
  async find(taskId: TaskId): Promise<StoredLog | null> {
    return this.store ? this.logs.find(taskId) : null;
  }

  /** From the first line on; one chunk of each container is in memory at a time. @throws ApiError unavailable */
  async *read(log: StoredLog, request: StoredLogRequest): AsyncGenerator<LogBatch> {
    const matches = logFilter(request);
    const names = [...new Set(log.chunks.map(({ container }) => container))];
    const asked = names.filter((name) => request.container === null || request.container === name).sort();
    const readers = asked.map((name) => ({ lines: this.linesOf(log, name, request.from[name] ?? 0), pending: [] as PlacedLine[] }));
    for (;;) {
      for (const reader of readers) if (reader.pending.length === 0) reader.pending = (await reader.lines.next()).value ?? [];
      const ready = readers.filter(({ pending }) => pending.length > 0);
      if (ready.length === 0) return;
      const { merged, rest } = mergeUntilOneEnds(ready.map(({ pending }) => pending));
      for (const [index, reader] of ready.entries()) reader.pending = rest[index] ?? [];
      const lines = merged.filter((line) => !matches.isTooOld(line) && matches.accepts(line));
      if (lines.length > 0) yield { lines };
    }
  }

  private async *linesOf(log: StoredLog, container: string, from: number): AsyncGenerator<PlacedLine[]> {
    const chunks = log.chunks.filter((chunk) => chunk.container === container).sort((a, b) => a.start - b.start);
    let position = from;
    for (const chunk of chunks) {
      if (chunk.start + chunk.bytes <= position) continue;
      const lines = placedLines(await this.textOf(log, chunk), chunk).filter(({ end }) => end > position);
      position = chunk.start + chunk.bytes;
      if (lines.length > 0) yield lines;
    }
  }

  private async textOf({ tenantId, taskId }: StoredLog, chunk: LogChunkInfo): Promise<Buffer> {
    const body = await this.store?.get(chunkKey(tenantId, taskId, chunk));
    if (!body) throw new ApiError('unavailable', { what: 'a part of this log' });
    return unzip(body, { maxOutputLength: storedLogLimits.chunkBytes });
  }
}

function placedLines(data: Buffer, { container, start }: LogChunkInfo): PlacedLine[] {
  const lines: PlacedLine[] = [];
  let from = 0;
  for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, from)) {
    const line = parseLogLine(data.toString('utf8', from, end), container);
    if (line) lines.push({ ...line, end: start + end + 1 });
    from = end + 1;
  }
  return lines;
}
