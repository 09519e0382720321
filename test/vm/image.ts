// vitest's globalSetup of the project `vm`: has image.sh make the machine's disk, which takes minutes the first time.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    vmImage: string;
  }
}

export default async function setup(project: TestProject): Promise<void> {
  project.provide('vmImage', await makeImage());
}

/** @returns the image's directory. @throws Error when image.sh fails; it has said why on standard error. */
async function makeImage(): Promise<string> {
  const child = spawn(join(import.meta.dirname, 'image.sh'), { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
  if (code !== 0) throw new Error('The virtual machine’s image could not be made; the reason stands above.');
  return printed.trim();
}
