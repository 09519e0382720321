import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext, readContextFile, writeContextFile } from '../config.js';
import { Failure } from '../failure.js';
import { withoutKeys } from '../signed-in.js';
import { print } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addLogout(program: Command): void {
  addVerb(program, 'logout', 'End the session, and forget its key here', [['berth logout', 'API keys are forgotten, not revoked']]).action(
    logout,
  );
}

async function logout({ context }: CommonOptions): Promise<void> {
  const current = currentContext(context);
  if (current.apiKey !== null || current.operatorKey !== null)
    await answer(connect(current).DELETE('/v1/sessions/{sessionId}', { params: { path: { sessionId: 'current' } } })).catch(toleratesOver);
  const file = readContextFile();
  if (file) writeContextFile(withoutKeys(file, current.name));
  await print(current.name);
}

/** A key is no session, and one that is over needs no end. */
function toleratesOver(error: unknown): void {
  if (!(error instanceof Failure && ['not_signed_in', 'unauthenticated'].includes(error.problem?.code ?? ''))) throw error;
}
