// The routes of the checked-in OpenAPI document, for tests that walk all of them.
import { readFileSync } from 'node:fs';

export type RequiredRole = 'viewer' | 'developer' | 'owner' | 'operator' | 'any';

export interface JsonSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly $ref?: string;
  readonly type?: string;
  readonly minimum?: number;
  readonly enum?: readonly unknown[];
  readonly additionalProperties?: unknown;
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

export interface QueryParameter {
  readonly name: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

export interface ApiRoute {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With placeholders: `/v1/tasks/{taskId}`. */
  readonly path: string;
  readonly title: string;
  readonly hasBody: boolean;
  /** Of its body in JSON, null if it takes none. */
  readonly body: JsonSchema | null;
  readonly query: readonly QueryParameter[];
  /** Undefined: open to everybody. */
  readonly role: RequiredRole | undefined;
  readonly isPublic: boolean;
  /** Opened as a WebSocket; a request gets 426. */
  readonly isSocket: boolean;
}

interface Operation {
  requestBody?: { content?: Record<string, { schema?: JsonSchema }> };
  parameters?: { in: string; name: string; required?: boolean; schema?: JsonSchema }[];
  responses?: Record<string, unknown>;
  'x-required-role'?: RequiredRole;
  'x-public'?: boolean;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema> };
}

export function readOpenApi(): Document {
  return JSON.parse(readFileSync(new URL('../../contract/openapi.json', import.meta.url), 'utf8'));
}

export function apiRoutes(): ApiRoute[] {
  const { paths, components } = readOpenApi();
  const resolve = (schema: JsonSchema | undefined): JsonSchema | null =>
    schema?.$ref ? resolve(components.schemas[schema.$ref.split('/').at(-1) ?? '']) : (schema ?? null);
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method as ApiRoute['method'],
      path,
      title: `${method.toUpperCase()} ${path}`,
      hasBody: operation.requestBody !== undefined,
      body: resolve(operation.requestBody?.content?.['application/json']?.schema),
      query: (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'query')
        .map(({ name, required = false, schema }) => ({ name, required, schema: resolve(schema) ?? {} })),
      role: operation['x-required-role'],
      isPublic: operation['x-public'] === true,
      isSocket: operation.responses?.['426'] !== undefined,
    })),
  );
}
