// Who submits tasks, as people call them: users by e-mail address, API keys by name.
import { isId } from '@berth/contract';
import { allPages } from './all-pages.js';
import { type Api, answer } from './client.js';
import { usage } from './failure.js';

/** @param text an e-mail address, the name of an API key, or the id of either. @returns the id. @throws Failure (usage) */
export async function submitterIdOf(api: Api, text: string): Promise<string> {
  if (isId(text)) return text;
  const found = text.includes('@') ? await usersNamed(api, text) : await keysNamed(api, text);
  if (found.length === 1 && found[0] !== undefined) return found[0];
  throw usage(
    found.length === 0 ? `There is no user and no API key ${text}.` : `${text} is the name of ${found.length} API keys.`,
    'Give an e-mail address, a key’s name, or an id: "berth users ls" and "berth keys ls" show them.',
  );
}

async function usersNamed(api: Api, email: string): Promise<string[]> {
  const users = await allPages((query) => answer(api.GET('/v1/users', { params: { query } })));
  return users.filter((user) => user.email === email.toLowerCase()).map(({ id }) => id);
}

/** Costs are kept under the first of those that took each other's place. */
async function keysNamed(api: Api, name: string): Promise<string[]> {
  const keys = await allPages((query) => answer(api.GET('/v1/api-keys', { params: { query } })));
  return keys.filter((key) => key.name === name && key.rotatedFrom === null).map(({ id }) => id);
}
