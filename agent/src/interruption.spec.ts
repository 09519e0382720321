import { describe, expect, it } from 'vitest';
import { parseInstanceAction } from './interruption.js';

describe('a spot notice', () => {
  it('says when and what', () => {
    expect(parseInstanceAction('{"action": "terminate", "time": "2026-11-27T08:22:00Z"}')).toEqual({
      action: 'terminate',
      at: '2026-11-27T08:22:00Z',
    });
  });

  it.each([
    '',
    '404 - Not Found',
    'null',
    '[]',
    '{}',
    '{"action":"terminate"}',
    '{"action":"terminate","time":"soon"}',
    '{"action":7,"time":"2026-11-27T08:22:00Z"}',
    `{"action":"${'x'.repeat(33)}","time":"2026-11-27T08:22:00Z"}`,
  ])('is not %j', (text) => {
    expect(parseInstanceAction(text)).toBeNull();
  });
});
