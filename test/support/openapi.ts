// The routes of the checked-in OpenAPI document, for tests that walk all of them.
import { readFileSync } from 'node:fs';

export type RequiredRole = 'viewer' | 'developer' | 'owner' | 'operator' | 'any';

export interface ApiRoute {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With placeholders: `/v1/tasks/{taskId}`. */
  readonly path: string;
  readonly title: string;
  readonly hasBody: boolean;
  readonly role: RequiredRole | undefined;
}

interface Operation {
  requestBody?: unknown;
  'x-required-role'?: RequiredRole;
}

export function readOpenApi(): { paths: Record<string, Record<string, Operation>> } {
  return JSON.parse(readFileSync(new URL('../../contract/openapi.json', import.meta.url), 'utf8'));
}

export function apiRoutes(): ApiRoute[] {
  return Object.entries(readOpenApi().paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method as ApiRoute['method'],
      path,
      title: `${method.toUpperCase()} ${path}`,
      hasBody: operation.requestBody !== undefined,
      role: operation['x-required-role'],
    })),
  );
}
