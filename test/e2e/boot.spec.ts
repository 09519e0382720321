import request from 'supertest';
import { inject, it, expect } from 'vitest';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { freshDatabase } from '../support/cluster.js';
it('boots', async () => {
  const db = await freshDatabase(inject('databaseUrl'));
  const app = await createApp(readConfig({ DATABASE_URL: db.url, BERTH_PKI_DIR: '/tmp/x', BERTH_LOG_LEVEL: 'silent' }));
  const answer = await request(app.getHttpServer()).get('/nope');
  expect(answer.status).toBe(404);
  await app.close();
  await db.drop();
});
