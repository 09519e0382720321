// The API's description, for programs at /openapi.json and for people at /docs. Works without the internet: the page's
// files come from the npm package swagger-ui-dist.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Get, Header, Param, Res } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../accounts/caller.js';
import { notFound } from '../errors.js';
import { openApiFile } from './openapi.js';

const assetTypes: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
  'start.js': 'text/javascript; charset=utf-8',
};

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Berth API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;
const start = "SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null });\n";
const onlyOurs = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

@ApiTags('health')
@Public()
@Controller()
export class DocsController {
  @Get('openapi.json')
  @Header('content-type', 'application/json; charset=utf-8')
  @ApiOperation({ summary: 'This document' })
  @ApiOkResponse({ description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object' } } } })
  openApi(): Promise<string> {
    return readFile(openApiFile(), 'utf8');
  }

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', onlyOurs)
  @ApiOperation({ summary: 'This document, readable' })
  @ApiOkResponse({ description: 'A page.', content: { 'text/html': { schema: { type: 'string' } } } })
  docs(): string {
    return page;
  }

  @Get('docs/:file')
  @ApiExcludeEndpoint()
  async asset(@Param('file') file: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<Buffer | string> {
    const type = Object.hasOwn(assetTypes, file) ? assetTypes[file] : undefined;
    if (!type) throw notFound('file', file, 100);
    reply.header('content-type', type).header('cache-control', 'max-age=3600');
    return file === 'start.js' ? start : readFile(join(assetDirectory(), file));
  }
}

/** swagger-ui-dist is @nestjs/swagger's dependency, so it is found from there. */
function assetDirectory(): string {
  const fromHere = createRequire(import.meta.url);
  return dirname(createRequire(fromHere.resolve('@nestjs/swagger')).resolve('swagger-ui-dist/package.json'));
}
