// A file of JSON that is sent as it is: the API says what is wrong with it.
import { readFile } from 'node:fs/promises';
import { Failure } from './failure.js';

/** @throws Failure when it is no JSON */
// biome-ignore lint/suspicious/noExplicitAny: whatever somebody wrote; checked by the API
export async function readJson(file: string): Promise<any> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Failure(`${file} could not be read as JSON: ${(error as Error).message}.`);
  }
}
