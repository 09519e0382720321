// Failures as the user reads them: one sentence, what to do, and the request id for the operator.
import type { ErrorCode, Problem } from '@berth/contract';
import { exitCodes } from './exit-codes.js';
import { inert } from './format.js';

interface Details {
  readonly hint?: string | undefined;
  readonly exitCode?: number;
  readonly problem?: Problem;
  readonly cause?: unknown;
}

/** A failure that the user can do something about. */
export class Failure extends Error {
  readonly hint: string | undefined;
  readonly exitCode: number;
  /** What the API answered, if it was the API that refused. */
  readonly problem: Problem | undefined;

  constructor(message: string, { hint, exitCode = exitCodes.failed, problem, cause }: Details = {}) {
    super(message, { cause });
    this.name = 'Failure';
    this.hint = hint;
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

/** A wrong command line. */
export function usage(message: string, hint?: string): Failure {
  return new Failure(message, { hint, exitCode: exitCodes.usage });
}

const hints: Partial<Record<ErrorCode, string>> = {
  unauthenticated: 'Sign in with "berth login". "berth context ls" shows which key is used; BERTH_API_KEY overrides it.',
  quota_exceeded: '"berth quota" shows what is used and allowed.',
  launch_rate_exceeded: '"berth quota" shows what is used and allowed.',
  forbidden: 'Operators need operatorKey in the context, or BERTH_OPERATOR_KEY.',
  unknown_image: '"berth images" lists what the bundled registry has.',
  ambiguous_id: 'Type more of the id; "berth ps -a" shows them.',
  not_found: '"berth ps -a" lists your tasks, the stopped ones too.',
  route_not_found: 'This berth is newer or older than the server: compare them with "berth version".',
};

/** Turns an answer of the API into a failure. */
export function refused(problem: Problem): Failure {
  const field = problem.field ? ` (${problem.field})` : '';
  return new Failure(`${problem.message}${field}`, { hint: hints[problem.code as ErrorCode], problem });
}

/** The lines for stderr. Whatever is in the message, it cannot act on the terminal. */
export function describeFailure(error: unknown): { lines: string[]; exitCode: number } {
  if (!(error instanceof Failure)) {
    const text = error instanceof Error ? error.message : String(error);
    return { lines: [`berth: ${inert(text)}`, 'This is a defect of berth; BERTH_DEBUG=1 prints where.'], exitCode: exitCodes.failed };
  }
  const lines = [`berth: ${inert(error.message)}`];
  if (error.hint) lines.push(inert(error.hint));
  if (error.problem?.requestId) lines.push(`Request id: ${inert(error.problem.requestId)}`);
  return { lines, exitCode: error.exitCode };
}
