// The IPv4 networks that this machine routes already: a bridge must not take one of them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** In CIDR form, without the default route. */
export async function routedSubnets(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ip', ['-json', '-4', 'route', 'show', 'table', 'main']);
  const routes = JSON.parse(stdout || '[]') as { dst: string }[];
  return routes.map(({ dst }) => dst).filter((dst) => dst !== 'default');
}
