import { type Api, connect } from './client.js';
import { currentContext } from './config.js';

/** For what is the operator's alone. @throws Failure when the context has no key for it */
export function operatorApi(context: string | undefined): Api {
  return connect(currentContext(context), { as: 'operator' });
}
