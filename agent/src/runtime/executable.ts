// Finds the program a container is to run, as execvp would find it inside, so that a wrong command is told to the
// task's owner in one sentence. crun can't: with an init, all it starts is the init.
import { posix } from 'node:path';

export type ProgramKind = 'program' | 'not-executable' | 'missing';

const fallbackPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * @param look what is at a path of the container.
 * @returns what is wrong with it, in words, or null.
 */
export function programFault(
  program: string,
  environment: readonly string[],
  workingDirectory: string,
  look: (path: string) => ProgramKind,
): string | null {
  if (program === '') return 'the command is empty';
  const found = candidates(program, environment, workingDirectory).map(look);
  if (found.includes('program')) return null;
  if (found.includes('not-executable')) return `"${program}" is not an executable file. Check its mode, and that it is no directory`;
  return `its image has no program "${program}". Check the command and the entry point`;
}

function candidates(program: string, environment: readonly string[], workingDirectory: string): string[] {
  if (program.includes('/')) return [posix.resolve(workingDirectory, program)];
  const path = environment.find((line) => line.startsWith('PATH='))?.slice('PATH='.length) ?? fallbackPath;
  return path.split(':').map((directory) => posix.resolve(workingDirectory, directory, program));
}
