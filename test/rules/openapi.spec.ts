// The published description of the API: whether a person who has only that can use it.
import { describe, expect, it } from 'vitest';
import { read } from './tree.js';

interface Operation {
  operationId?: string;
  summary?: string;
  security?: unknown[];
  requestBody?: unknown;
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: { $ref?: string } }> }>;
}
interface Schema {
  $ref?: string;
  required?: string[] | boolean;
  properties?: Record<string, { default?: unknown }>;
}
type Document = {
  openapi: string;
  security?: unknown[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
};

const document = JSON.parse(read('contract/openapi.json')) as Document;
const methods = ['get', 'post', 'put', 'patch', 'delete'];
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method]) => methods.includes(method))
    .map(([method, operation]) => ({ title: `${method.toUpperCase()} ${path}`, operation })),
);

/** Required although they have a default: right in an answer, wrong in what is sent. Such schemas must not have a name. */
function requiredDefaults(schema: unknown, at: string, seen = new Set<string>()): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { $ref, required, properties = {} } = schema as Schema;
  if ($ref !== undefined) {
    const name = $ref.split('/').at(-1) ?? '';
    return seen.has(name) ? [] : requiredDefaults(document.components.schemas[name], name, seen.add(name));
  }
  const names = Array.isArray(required) ? required : [];
  const wrong = names.filter((name) => properties[name]?.default !== undefined).map((name) => `${at}.${name}`);
  return [...wrong, ...Object.entries(schema).flatMap(([key, part]) => requiredDefaults(part, `${at}.${key}`, seen))];
}

describe('contract/openapi.json', () => {
  it('asks in requests for nothing that has a default', () => {
    const bodies = operations.map(({ title, operation }) => requiredDefaults(operation.requestBody, title));
    expect(bodies.flat()).toEqual([]);
  });

  it('is OpenAPI 3.1 and has operations', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(operations.length).toBeGreaterThan(10);
  });

  it('gives every operation its own id', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.filter((id, index) => id === undefined || ids.indexOf(id) !== index)).toEqual([]);
  });

  it.each(operations)('$title says what it does, and how it fails', ({ title, operation }) => {
    expect(operation.summary ?? '', 'summary').toMatch(/\S+ \S+/);
    const responses = operation.responses ?? {};
    expect(
      Object.keys(responses).some((status) => /^[123]/.test(status)),
      'a response of success',
    ).toBe(true);
    if (!title.includes(' /v1/')) return;
    expect(Object.keys(responses)).toContain(operation.security?.length ? '401' : '429');
    const failures = Object.entries(responses).filter(([status]) => /^[45]|default/.test(status));
    for (const [status, response] of failures) {
      const schema = Object.values(response.content ?? {})[0]?.schema?.$ref;
      expect(schema, `the body of ${status}`).toBe('#/components/schemas/Problem');
    }
  });
});
