// Sends e-mail over the operator's SMTP server.
import { Inject, Injectable } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import type { Config } from '../../config.js';
import { CONFIG } from '../../db/db.module.js';

const timeoutMs = 10_000;

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The same each time it is tried again: mail programs show it once. */
  readonly id: string;
}

@Injectable()
export class Mailer {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** @throws Error when there is no server, or it does not take the mail */
  async send({ to, subject, text, id }: Mail): Promise<void> {
    const { smtpUrl, mailFrom } = this.config.alerts;
    if (smtpUrl === null) throw new Error('This Berth sends no e-mail: its operator has named no SMTP server.');
    const timeouts = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs };
    const transport = createTransport({ url: smtpUrl, ...timeouts, disableFileAccess: true, disableUrlAccess: true });
    try {
      // As an object: a list of addresses in one string would be taken apart.
      await transport.sendMail({ from: mailFrom, to: { name: '', address: to }, subject, text, messageId: `<${id}@berth>` });
    } finally {
      transport.close();
    }
  }
}
