// What answers at 169.254.169.254: EC2's instance metadata, version 2 only. Every GET needs a session token, which a PUT
// gives: what can merely be made to fetch a URL (a proxy, a careless web service) has no way to it.
import { credentialsDocument, defaultAudience } from './credentials.js';
import { isSessionToken, sessionToken } from './guest-id.js';
import { type GuestRequest, IdentityUnavailable, type Reply, type Service, type TokenSource, text } from './guest-request.js';
import type { HostPlace } from './host-place.js';
import { find, instanceTree } from './instance-document.js';

export interface InstanceMetadataOptions {
  readonly key: Buffer;
  readonly place: HostPlace;
  readonly tokens: TokenSource;
  now(): number;
}

const tokenPath = /^\/(latest|\d{4}-\d{2}-\d{2})\/api\/token$/;
const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';
const longestTtlSeconds = 21_600;

export function instanceMetadata({ key, place, tokens, now }: InstanceMetadataOptions): Service {
  const issue = ({ task, header }: GuestRequest): Reply => {
    // A request that came through a proxy is not the task's own.
    if (header('x-forwarded-for') !== undefined) return text(403, 'A session token is not given through a proxy.');
    const ttl = header(ttlHeader) ?? '';
    const seconds = /^\d{1,5}$/.test(ttl) ? Number(ttl) : 0;
    if (seconds < 1 || seconds > longestTtlSeconds) return text(400, `Send ${ttlHeader}: 1 to ${longestTtlSeconds} seconds.`);
    return text(200, sessionToken(key, task.spec.taskId, now() + seconds * 1000), { [ttlHeader]: String(seconds) });
  };

  const isAllowed = ({ task, header }: GuestRequest): boolean => {
    const token = header('x-aws-ec2-metadata-token');
    return token !== undefined && isSessionToken(key, task.spec.taskId, token, now());
  };

  const read = async ({ task, path }: GuestRequest): Promise<Reply> => {
    const credentials = async () => JSON.stringify(credentialsDocument(await tokens(task, defaultAudience), task.spec.taskId), null, 2);
    const found = find(instanceTree(task, place, credentials), path);
    if (found.kind === 'none') return text(404, 'There is nothing here.');
    if (found.kind === 'listing') return text(200, found.text);
    return text(200, typeof found.leaf === 'string' ? found.leaf : await found.leaf());
  };

  return async (request) => {
    const { method, path } = request;
    if (tokenPath.test(path))
      return method === 'PUT' ? issue(request) : text(405, 'A session token is asked for by PUT.', { allow: 'PUT' });
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'This can only be read.', { allow: 'GET, HEAD' });
    if (!isAllowed(request)) return text(401, 'Ask for a session token first (IMDSv2), and send it as X-aws-ec2-metadata-token.');
    try {
      return await read(request);
    } catch (error) {
      if (!(error instanceof IdentityUnavailable)) throw error;
      return text(503, error.message, { 'retry-after': '5' });
    }
  };
}
