// Talks to the control plane as any other client does: by REST, with a key.

export class RestError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'RestError';
  }
}

export interface Rest {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: object): Promise<T>;
}

/** @throws RestError with the API's own sentence, from each call; Error if nothing answers within 15 s. */
export function restClient(baseUrl: string, key: string): Rest {
  const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const answer = await fetch(baseUrl + path, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    if (answer.ok) return (await answer.json()) as T;
    const problem = (await answer.json().catch(() => ({}))) as { code?: string; message?: string };
    throw new RestError(answer.status, problem.code ?? 'unknown', problem.message ?? `${method} ${path}: ${answer.status}`);
  };
  return { get: (path) => call('GET', path), post: (path, body) => call('POST', path, body) };
}

/** Whether the control plane says that it is ready. */
export async function isReady(baseUrl: string): Promise<boolean> {
  return fetch(`${baseUrl}/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
    (answer) => answer.ok,
    () => false,
  );
}
