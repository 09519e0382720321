// Questions about hosts that several verbs ask, as the operator.
import type { Host } from '@berth/contract';
import { type Api, answer } from './client.js';
import { findHost } from './find-host.js';

/** The host that the user means. @throws Failure */
export async function hostOf(api: Api, text: string): Promise<Host> {
  const { items } = await answer(api.GET('/v1/hosts'));
  return findHost(text, items);
}
