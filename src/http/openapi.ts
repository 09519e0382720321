// The OpenAPI 3.1 document: built from the controllers and the contract's schemas, checked in as
// contract/openapi.json (`npm run openapi`), and served from there.
import { createRequire } from 'node:module';
import { problemSchema } from '@berth/contract';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, type StandardSchemaConverter, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Json = Record<string, unknown>;

/** Where the checked-in document lies. */
export function openApiFile(): string {
  return createRequire(import.meta.url).resolve('@berth/contract/openapi.json');
}

export function buildOpenApi(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Berth')
    .setVersion('1')
    .setDescription('Runs containers on your own Linux machines. Every error is `{code, message, field?, requestId}`.')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key, e.g. berth_….' }, 'apiKey')
    .addCookieAuth(
      'berth_session',
      { type: 'apiKey', in: 'cookie', description: 'Of POST /v1/sessions; over https it is __Host-berth_session.' },
      'session',
    )
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    standardSchemaConverter: toJsonSchema,
    operationIdFactory: (_controller, method) => method,
  });
  const problem = toJsonSchema(problemSchema, { schemaType: 'output' });
  document.components = {
    ...document.components,
    schemas: sorted({ ...document.components?.schemas, ...(problem?.components as Json) }) as never,
  };
  for (const [path, item] of Object.entries(document.paths)) {
    for (const operation of Object.values(item) as Operation[]) if (operation?.responses) complete(path, operation);
  }
  document.paths = sorted(document.paths) as OpenAPIObject['paths'];
  return document;
}

/** zod's own JSON Schema (2020-12, which OpenAPI 3.1 uses); schemas with an id become components. */
const toJsonSchema: StandardSchemaConverter = (schema, { schemaType }) => {
  const {
    $defs = {},
    $schema: _,
    ...root
  } = z.toJSONSchema(schema as z.ZodType, { target: 'draft-2020-12', io: schemaType, override: tidy });
  return { schema: root, components: $defs };
};

/** Answers may gain fields, so they are not closed; and the limits of a double say nothing to a reader. */
function tidy({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: Json }): void {
  const def = zodSchema._zod.def as { type: string; catchall?: z.core.$ZodType };
  if (def.type === 'object' && def.catchall === undefined) delete jsonSchema.additionalProperties;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  delete jsonSchema.id;
}

/** What every operation can answer, said in one place: it follows from its path and what it takes. */
function complete(path: string, operation: Operation): void {
  const secured = path.startsWith('/v1/') && !('x-public' in operation);
  operation.security = secured ? [{ apiKey: [] }, { session: [] }] : [];
  const failures = path.startsWith('/v1/') ? failuresOf(path, operation, secured) : {};
  for (const [status, description] of Object.entries(failures)) operation.responses[status] ??= { description };
  for (const [status, response] of Object.entries(operation.responses)) {
    if (/^[45]/.test(status))
      Object.assign(response as object, { content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } } });
  }
}

function failuresOf(path: string, operation: Operation, secured: boolean): Record<string, string> {
  const takesInput = operation.requestBody !== undefined || operation.parameters?.some((one) => 'in' in one && one.in === 'query');
  return {
    ...(secured ? { 401: 'The key is missing or not valid.', 403: 'The key’s role may not do this.' } : {}),
    ...(path.includes('{') ? { 404: 'There is no such object in this tenant.' } : {}),
    ...(takesInput ? { 422: 'Something in the request is wrong; `field` says where.' } : {}),
    429: 'Too many requests; Retry-After says when to go on.',
    503: 'Something Berth needs cannot be reached; Retry-After says when to try again.',
  };
}

function sorted(object: Json | object): Json {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
