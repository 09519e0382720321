// `npm run openapi`: writes contract/openapi.json from the controllers. The clients' types are made from it.
import { writeFile } from 'node:fs/promises';
import { describeApi } from '../app.js';
import { openApiFile } from './openapi.js';

await writeFile(openApiFile(), `${JSON.stringify(await describeApi(), null, 2)}\n`);
