// The one place where errors become answers: `{code, message, field?, requestId}`. Logs once, here, what is our fault.
import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { LOGGER } from '../db/db.module.js';
import type { ApiError } from '../errors.js';
import { sendProblem, toApiError } from './problem.js';

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = toApiError(thrown, request);
    this.log(error, thrown, request);
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    sendProblem(reply, error, String(request.id));
  }

  private log(error: ApiError, thrown: unknown, request: FastifyRequest): void {
    const context = { requestId: request.id, method: request.method, route: request.routeOptions?.url, code: error.code };
    if (error.code === 'internal') this.logger.error({ ...context, err: thrown }, 'request failed');
    else if (error.status >= 500) this.logger.warn({ ...context, err: thrown }, 'request failed');
    else this.logger.debug(context, 'request refused');
  }
}
