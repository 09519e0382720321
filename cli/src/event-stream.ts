// Server-sent events out of the pieces in which a response arrives (WHATWG HTML, "Server-sent events", parsing).

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | null;
}

/** A server that never ends a line must not fill our memory. */
const maxBuffered = 8 * 1024 * 1024;

/**
 * Yields each whole event. An event that the end of the stream cuts off is dropped, as the standard wants.
 * @throws Error when one event is larger than 8 MiB.
 */
export async function* parseEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let fields: string[] = [];
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    // A \r at the very end may be half of a \r\n: it waits for the next piece.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > maxBuffered) throw new Error('the server sent an event larger than 8 MiB');
    for (const line of lines) {
      if (line !== '') {
        fields.push(line);
        continue;
      }
      const event = assemble(fields);
      fields = [];
      if (event) yield event;
    }
  }
}

function assemble(lines: readonly string[]): ServerEvent | null {
  let event = 'message';
  let id: string | null = null;
  const data: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') data.push(value);
    else if (name === 'event') event = value;
    else if (name === 'id' && !value.includes('\0')) id = value;
  }
  return data.length === 0 ? null : { event, data: data.join('\n'), id };
}
