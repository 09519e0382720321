// What a task's events say about a change of its size, and about being frozen or thawed: from what the database knew
// and what the agent reports. Pure.
import type { Adjusted } from '@berth/contract';

export type AdjustEventType = 'resized' | 'frozen' | 'thawed' | 'adjustment-refused';

export interface AdjustNews {
  readonly type: AdjustEventType;
  readonly reason: string;
}

/** @param before null: the task has the size that it was started with. */
export function adjustNews(
  before: Adjusted | null,
  size: { cpuMillis: number; memoryMiB: number },
  now: Adjusted | undefined,
): AdjustNews[] {
  if (!now) return [];
  const was = before ?? { ...size, frozen: false, version: 0 };
  const news: AdjustNews[] = [];
  if (was.cpuMillis !== now.cpuMillis || was.memoryMiB !== now.memoryMiB)
    news.push({ type: 'resized', reason: `it has ${now.cpuMillis} CPU millis and ${now.memoryMiB} MiB now` });
  if (was.frozen !== now.frozen)
    news.push(now.frozen ? { type: 'frozen', reason: 'its processes are held' } : { type: 'thawed', reason: 'its processes go on' });
  if (now.refusal !== null && now.version > was.version) news.push({ type: 'adjustment-refused', reason: now.refusal });
  return news;
}
