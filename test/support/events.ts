// Reads server-sent events from a response, as they come.

export interface ReceivedEvent {
  readonly event: string;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly data: any;
}

/** @throws Error when the answer is no event stream. */
export async function* receiveEvents(url: string, headers: Record<string, string>, signal?: AbortSignal): AsyncGenerator<ReceivedEvent> {
  const response = await fetch(url, { headers, ...(signal && { signal }) });
  if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
    throw new Error(`${response.status} ${await response.text()}`);
  }
  let rest = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const fields = Object.fromEntries(
        part.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      if (fields.data !== undefined) yield { event: fields.event ?? 'message', id: fields.id, data: JSON.parse(fields.data) };
    }
  }
}
