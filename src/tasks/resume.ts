// Where a broken log stream goes on. The id of a log event is its line's time.

/**
 * @param lastEventId what the client got last; one that is no time is ignored.
 * @returns `since`: ask the host from there (whole milliseconds, UTC); `after`: drop lines up to this one.
 */
export function resumeFrom(
  lastEventId: string | undefined,
  since: string | undefined,
): { since: string | undefined; after: string | null } {
  const ms =
    lastEventId !== undefined && /^\d{4}-\d\d-\d\dT[\d:.]{8,20}(Z|[+-]\d\d:\d\d)$/.test(lastEventId) ? Date.parse(lastEventId) : Number.NaN;
  if (lastEventId === undefined || Number.isNaN(ms)) return { since, after: null };
  return { since: new Date(ms).toISOString(), after: lastEventId };
}
