// Says why a container could not be created: in words for the task's owner if it is their doing, else for the operator.
import type { ContainerSpec } from '@berth/contract';
import type { ImageConfig } from './image-store.js';
import type { CreateError } from './monitor.js';
import { plainText } from './plain-text.js';
import { TaskStartError } from './runtime.js';

const longest = 300;

export function startErrorOf(container: ContainerSpec, image: ImageConfig, error: CreateError, oomKilled: boolean): TaskStartError {
  const program = (container.entryPoint ?? image.entryPoint)[0] ?? (container.command ?? image.command)[0] ?? '';
  const name = `The container ${container.name}`;
  if (error.timedOut) return new TaskStartError('RuntimeFailed', `${name} could not be created: ${error.message}.`, { cause: error });
  if (oomKilled)
    return new TaskStartError('OutOfMemory', `${name} ran out of memory before its program started. Give it more.`, { cause: error });
  const said = clean(error.message);
  if (/executable file [`'"].*not found|No such file or directory.*exec|exec.*No such file/i.test(said)) {
    return userError(`${name} could not be started: its image has no program "${program}". Check the command and the entry point.`, error);
  }
  if (/exec.*permission denied|permission denied.*exec|is not executable/i.test(said)) {
    return userError(
      `${name} could not be started: "${program}" may not be executed by its user. Check the file’s mode and the user.`,
      error,
    );
  }
  if (/exec format error/i.test(said)) {
    return userError(
      `${name} could not be started: "${program}" is not a program for this machine (${process.arch}). Check the image’s architecture.`,
      error,
    );
  }
  if (/chdir|cwd|working directory/i.test(said)) {
    return userError(`${name} could not be started: its working directory can’t be used: ${said}.`, error);
  }
  if (/openat2 .*No such file/i.test(said)) {
    return userError(
      `${name} could not be started: a link of its image leads where something is to be mounted, and to nothing there: ${said}.`,
      error,
    );
  }
  return new TaskStartError('RuntimeFailed', `${name} could not be created: ${said || 'crun gave no reason'}.`, { cause: error });
}

function userError(message: string, cause: Error): TaskStartError {
  return new TaskStartError('TaskFailedToStart', message, { cause });
}

/** crun's message without its time stamps. */
function clean(message: string): string {
  const text = message.replaceAll('\\n', ' ').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z:?\s*/g, '');
  return plainText(text, longest);
}
