import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { type Api, answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { type CopyPlace, lastPart, parsePlace, target } from '../copy-place.js';
import { Failure, usage } from '../failure.js';
import { inert } from '../format.js';
import { kindOf, packFiles, unpackFiles } from '../tar-files.js';
import { taskIdOf } from '../tasks.js';
import { note } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly container?: string;
}

type InTask = Extract<CopyPlace, { in: 'task' }>;

export function addCp(program: Command): void {
  addVerb(program, 'cp <from> <to>', 'Copy files into a running container, or out of it', [
    ['berth cp app.conf web:/etc/app/', 'into this directory'],
    ['berth cp web:/var/log ./logs', 'out of it, with all that is below'],
    ['tar -c src | berth cp - web:/work', 'a tar from standard input, unpacked there'],
    ['berth cp web:/data - | tar -t', 'a tar to standard output'],
  ])
    .option('-c, --container <name>', 'which of the task’s containers (default: its first essential one)')
    .action(cp);
}

async function cp(from: string, to: string, options: Options): Promise<void> {
  const [source, destination] = [parsePlace(from), parsePlace(to)];
  if ((source.in === 'task') === (destination.in === 'task'))
    throw usage('One of the two places is in a task, the other is not.', 'A place in a task looks like web:/etc/hosts.');
  const api = connect(currentContext(options.context));
  if (destination.in === 'task') await copyIn(api, source, destination, options);
  else if (source.in === 'task') await copyOut(api, source, destination, options);
}

async function copyIn(api: Api, source: CopyPlace, { task, path }: InTask, { container }: Options): Promise<void> {
  const id = await taskIdOf(api, task);
  const put = (directory: string, tar: ReadableStream<Uint8Array>) =>
    api.tar(`/v1/tasks/${id}/archive`, { ...queryOf(directory, container) }, tar);
  if (source.in !== 'here') {
    await put(path, Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>);
    return;
  }
  if (kindOf(source.path) === null) throw new Failure(`There is no ${source.path} here.`);
  const into = target(path, await kindInTask(api, id, path, container), lastPart(source.path) || 'copy');
  await put(into.directory, packFiles(source.path, into.name));
}

async function copyOut(api: Api, { task, path }: InTask, destination: CopyPlace, { container }: Options): Promise<void> {
  const id = await taskIdOf(api, task);
  const into = destination.in === 'here' ? target(destination.path, kindOf(destination.path), lastPart(path) || 'root') : null;
  if (into && kindOf(into.directory) !== 'directory') throw new Failure(`There is no directory ${into.directory} here.`);
  const tar = await api.tar(`/v1/tasks/${id}/archive`, queryOf(path, container));
  if (!tar) throw new Failure('The server answered without a tar.');
  if (!into) {
    await pipeline(Readable.fromWeb(tar as never), process.stdout, { end: false }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') throw error;
      throw new Failure(`The copy broke off: ${error.message}.`, { cause: error });
    });
    return;
  }
  const refused = await unpackFiles(tar, into.directory, lastPart(path), into.name);
  for (const why of refused) note(`left out: ${inert(why)}`);
  if (refused.length > 0)
    throw new Failure('Not all of it was copied.', { hint: 'What was left out would have landed elsewhere, or is no file.' });
}

function queryOf(path: string, container: string | undefined): Record<string, string> {
  return { path, ...(container !== undefined && { container }) };
}

async function kindInTask(api: Api, taskId: string, path: string, container: string | undefined): Promise<'directory' | 'other' | null> {
  try {
    const query = { path, ...(container !== undefined && { container }) };
    const { kind } = await answer(api.GET('/v1/tasks/{taskId}/archive/stat', { params: { path: { taskId }, query } }));
    return kind === 'directory' ? 'directory' : 'other';
  } catch (error) {
    if (error instanceof Failure && error.problem?.code === 'path_not_found') return null;
    throw error;
  }
}
