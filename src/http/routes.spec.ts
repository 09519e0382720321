import { expect, it } from 'vitest';
import { methodsOf } from './routes.js';

const routes = [
  { method: 'GET', pattern: '/v1/tasks' },
  { method: 'POST', pattern: '/v1/tasks' },
  { method: 'GET', pattern: '/v1/tasks/:taskId' },
  { method: 'POST', pattern: '/v1/tasks/:taskId/stop' },
];

it.each([
  ['/v1/tasks', ['GET', 'POST']],
  ['/v1/tasks/abc', ['GET']],
  ['/v1/tasks/abc/stop', ['POST']],
  ['/v1/tasks/', []],
  ['/v1/tasks//stop', []],
  ['/v1/task', []],
  ['/', []],
])('%s takes %j', (path, methods) => {
  expect(methodsOf(path, routes)).toEqual(methods);
});
