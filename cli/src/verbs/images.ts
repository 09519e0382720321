import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { table } from '../format.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addImages(program: Command): void {
  addVerb(program, 'images', 'List the images of the bundled registry', [
    ['berth images', 'names and tags, as "berth run" takes them'],
  ]).action(images);
}

async function images({ context, output }: CommonOptions): Promise<void> {
  const { items } = await answer(connect(currentContext(context)).GET('/v1/images'));
  if (output === 'json') return printJson(items);
  await print(
    table(
      ['IMAGE', 'TAGS'],
      items.map((image) => [image.name, image.tags.join(', ')]),
    ),
  );
}
