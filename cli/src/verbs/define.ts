import { readFileSync } from 'node:fs';
import type { TaskDefinitionInput } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { Failure, usage } from '../failure.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly file: string;
}

export function addDefine(program: Command): void {
  addVerb(program, 'define', 'Register a task definition: the next revision of its family', [
    ['berth define -f web.json', 'from a file (JSON; its fields are at /docs)'],
    ["jq '.memoryMiB = 256' web.json | berth define -f -", 'from standard input'],
  ])
    .requiredOption('-f, --file <path>', 'the definition as JSON; "-" is standard input')
    .action(define);
}

async function define({ file, context, output }: Options): Promise<void> {
  const api = connect(currentContext(context));
  const definition = await answer(api.POST('/v1/task-definitions', { body: readDefinition(file) }));
  if (output === 'json') await printJson(definition);
  else await print(definition.name);
}

/** Only whether it is JSON is looked at here; the API says what is wrong in it, field by field. */
function readDefinition(file: string): TaskDefinitionInput {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw usage(`${file} cannot be read: ${(error as Error).message}.`);
  }
  try {
    return JSON.parse(text) as TaskDefinitionInput;
  } catch (error) {
    throw new Failure(`${file === '-' ? 'Standard input' : file} is not valid JSON: ${(error as Error).message}.`, {
      exitCode: 2,
      cause: error,
    });
  }
}
