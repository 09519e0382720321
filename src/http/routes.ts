// Which methods a path takes, for the difference between "no such route" (404) and "not like this" (405).

export interface Route {
  readonly method: string;
  /** Fastify's pattern: `/v1/tasks/:id/stop`. */
  readonly pattern: string;
}

/** @returns the methods, sorted; none if no route has this path. */
export function methodsOf(path: string, routes: readonly Route[]): string[] {
  const segments = path.split('/');
  const methods = routes.filter((route) => matches(route.pattern.split('/'), segments)).map((route) => route.method);
  return [...new Set(methods)].sort();
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false;
  return pattern.every((part, index) => (part.startsWith(':') ? segments[index] !== '' : part === segments[index]));
}
