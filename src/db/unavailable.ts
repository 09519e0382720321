// Tells "PostgreSQL is not there at the moment" from "we sent it something wrong": the first is a 503 to the user and
// passes by itself, the second is our mistake.

/** Connection failures of Node, and the SQLSTATE classes and codes that a retry can cure (PostgreSQL, appendix A). */
const systemCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN']);
const sqlStates = /^(08...|53...|57P0[1-5]|57014|25006|40001|40P01|55P03)$/;
/** pg gives these no code. The last is typeorm's, for the next statement of a transaction whose connection was lost. */
const messages =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout|timeout expired|Database connection provided by a query runner was already released)/;

/** Whether `error` (or an error that it wraps) says that the database cannot be reached or is overloaded. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, driverError, cause, errors } = error as Error & { code?: unknown; driverError?: unknown; errors?: unknown[] };
  if (typeof code === 'string' && (systemCodes.has(code) || sqlStates.test(code))) return true;
  if (messages.test(error.message)) return true;
  return [driverError, cause, ...(errors ?? [])].some((inner) => inner !== error && isDatabaseUnavailable(inner));
}
