// Secrets that are the same after every restart of the agent, without being kept: all are made from one key of the
// host. An id stands in a container's environment and in its URLs; nobody who doesn't see those can name it.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** What the parts of an id are made of must not run into each other. */
function mac(key: Buffer, ...parts: readonly string[]): Buffer {
  return createHmac('sha256', key).update(JSON.stringify(parts)).digest();
}

/** As ECS has it: 32 hex digits, a dash and ten digits. */
export function guestId(key: Buffer, taskId: string, container: string): string {
  const bytes = mac(key, 'guest-id', taskId, container);
  const tail = (bytes.readUInt32BE(16) % 10 ** 9) + 10 ** 9;
  return `${bytes.toString('hex', 0, 16)}-${tail}`;
}

/** Which of the task's containers has this id. */
export function containerWithId<C extends { readonly name: string }>(
  key: Buffer,
  taskId: string,
  containers: readonly C[],
  id: string,
): C | null {
  return containers.find(({ name }) => isSame(guestId(key, taskId, name), id)) ?? null;
}

const tokenVersion = 1;
const tokenBytes = 1 + 6 + 32;

/** A session token of the instance metadata, good for this task until then. It need not be remembered. */
export function sessionToken(key: Buffer, taskId: string, untilMs: number): string {
  const head = Buffer.alloc(7);
  head.writeUInt8(tokenVersion);
  head.writeUIntBE(untilMs, 1, 6);
  return Buffer.concat([head, mac(key, 'session-token', taskId, String(untilMs))]).toString('base64url');
}

export function isSessionToken(key: Buffer, taskId: string, token: string, nowMs: number): boolean {
  const bytes = Buffer.from(token.slice(0, 100), 'base64url');
  if (bytes.length !== tokenBytes || bytes[0] !== tokenVersion) return false;
  const untilMs = bytes.readUIntBE(1, 6);
  return untilMs > nowMs && isSame(sessionToken(key, taskId, untilMs), token);
}

function isSame(expected: string, given: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(given)];
  return one.length === other.length && timingSafeEqual(one, other);
}
