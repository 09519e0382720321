// From the words after `berth run` to the body of POST /v1/tasks.
import { type OnHostDrain, parseImageRef, type RunTasksInput } from '@berth/contract';
import { type ContainerOptions, containerFields, taskFields } from './container-options.js';
import { usage } from './failure.js';
import { type PlacementOptions, placementFields } from './placement-options.js';

export interface RunOptions extends ContainerOptions, PlacementOptions {
  readonly cpu?: number;
  readonly memory?: number;
  readonly env: Readonly<Record<string, string>>;
  readonly count: number;
  readonly name?: string;
  readonly tag: Readonly<Record<string, string>>;
  readonly entrypoint?: string;
  readonly user?: string;
  readonly workdir?: string;
  readonly readOnly?: boolean;
  /** Milliseconds. */
  readonly stopTimeout?: number;
  readonly onHostDrain?: OnHostDrain;
  readonly minAvailable?: number;
  readonly maxUnavailable?: number;
  readonly movesPerHour?: number;
}

/**
 * The task definition is sent along: the API registers it, or finds the same one again. Its family is named after the
 * image, so `berth definitions` shows what ran.
 * @throws Failure (usage) when `image` is no image reference.
 */
export function runRequest(image: string, command: readonly string[], options: RunOptions): RunTasksInput {
  const name = nameAfter(image);
  return {
    definition: {
      family: name,
      ...(options.cpu !== undefined && { cpuMillis: options.cpu }),
      ...(options.memory !== undefined && { memoryMiB: options.memory }),
      ...taskFields(options),
      containers: [
        {
          name,
          image,
          environment: { ...options.env },
          ...(command.length > 0 && { command: [...command] }),
          ...(options.entrypoint !== undefined && { entryPoint: [options.entrypoint] }),
          ...(options.user !== undefined && { user: options.user }),
          ...(options.workdir !== undefined && { workingDirectory: options.workdir }),
          ...(options.readOnly && { readonlyRootFilesystem: true }),
          ...(options.stopTimeout !== undefined && { stopTimeoutSeconds: Math.ceil(options.stopTimeout / 1000) }),
          ...containerFields(options),
        },
      ],
    },
    count: options.count,
    ...placementFields(options),
    ...(options.name !== undefined && { name: options.name }),
    ...drainFields(options),
    tags: { ...options.tag },
  };
}

function drainFields({ onHostDrain, minAvailable, maxUnavailable, movesPerHour }: RunOptions) {
  const disruptionBudget = {
    ...(minAvailable !== undefined && { minAvailablePercent: minAvailable }),
    ...(maxUnavailable !== undefined && { maxUnavailable }),
    ...(movesPerHour !== undefined && { maxPerHour: movesPerHour }),
  };
  return {
    ...(onHostDrain !== undefined && { onHostDrain }),
    ...(Object.keys(disruptionBudget).length > 0 && { disruptionBudget }),
  };
}

function nameAfter(image: string): string {
  const reference = parseImageRef(image, 'localhost');
  if (!reference) {
    throw usage(`"${image}" is not an image reference.`, 'It looks like busybox, team/api:1.4 or registry.example.com/api@sha256:…');
  }
  const last = reference.repository.split('/').at(-1) ?? '';
  const name = last
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-|-$/g, '');
  return name || 'task';
}

/** What of commander's options this file has to know. */
export interface Flag {
  readonly short?: string | undefined;
  readonly long?: string | undefined;
  readonly takesValue: boolean;
}

/**
 * Puts a `--` before the container's command when the user left it out, so that `run busybox ls -l` means what it does
 * in Docker: the image is the first word that is no option, the command begins at the second.
 */
export function markCommand(words: readonly string[], flags: readonly Flag[]): string[] {
  let image = false;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--') break;
    if (word.startsWith('-') && word !== '-') {
      if (valueFollows(word, flags)) index += 1;
    } else if (image) {
      return [...words.slice(0, index), '--', ...words.slice(index)];
    } else {
      image = true;
    }
  }
  return [...words];
}

function valueFollows(word: string, flags: readonly Flag[]): boolean {
  if (word.startsWith('--')) return flags.some((flag) => flag.long === word && flag.takesValue);
  // -de K=V: the last of bundled letters may take the next word; a letter before it that takes a value has it here.
  const letters = word.slice(1);
  const first = [...letters].findIndex((letter) => flags.some((flag) => flag.short === `-${letter}` && flag.takesValue));
  return first >= 0 && first === letters.length - 1;
}
