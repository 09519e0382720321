// Asks a key service through the program that the operator named: once for each request, with the question in JSON on its
// standard input and the answer in JSON on its standard output. Keys are never among its arguments, which everybody on the
// machine can read; and of Berth's own environment, which has passwords, it gets nothing.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { z } from 'zod';
import { ApiError } from '../errors.js';

const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const atOnce = 4;
const answerBytes = 64 * 1024;
const complaintLength = 500;
const base64 = z.base64().min(1);
const answers = { wrap: z.object({ ciphertext: base64 }), unwrap: z.object({ plaintext: base64 }) } as const;

export interface KeyQuestion {
  /** As the key service calls the key: an ARN, an alias, a path. */
  readonly keyId: string;
  /** What the wrapped key is for; the service is to refuse to unwrap it for anything else. */
  readonly context: Readonly<Record<string, string>>;
}

export class KeyCommand {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** @throws Error when there is no such program, or it can't be run */
  constructor(
    private readonly program: string,
    private readonly timeoutMs: number,
  ) {
    try {
      accessSync(program, constants.X_OK);
    } catch (error) {
      throw new Error(`BERTH_MASTER_KEY_COMMAND can't be run: ${(error as Error).message}.`);
    }
  }

  /** @throws ApiError unavailable */
  async wrap(question: KeyQuestion, plaintext: Buffer): Promise<Buffer> {
    return this.ask('wrap', { ...question, plaintext: plaintext.toString('base64') }, (text) => answers.wrap.parse(text).ciphertext);
  }

  /** @throws ApiError unavailable */
  async unwrap(question: KeyQuestion, ciphertext: Buffer): Promise<Buffer> {
    return this.ask('unwrap', { ...question, ciphertext: ciphertext.toString('base64') }, (text) => answers.unwrap.parse(text).plaintext);
  }

  private async ask(verb: keyof typeof answers, question: object, read: (answer: unknown) => string): Promise<Buffer> {
    while (this.running >= atOnce) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running += 1;
    try {
      return Buffer.from(read(JSON.parse(await this.run(verb, JSON.stringify(question)))), 'base64');
    } catch (cause) {
      throw new ApiError('unavailable', { what: 'the key service' }, { cause });
    } finally {
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }

  /** @throws Error with what the program said of it, for the log */
  private run(verb: string, question: string): Promise<string> {
    const options = { env: environment, timeout: this.timeoutMs, killSignal: 'SIGKILL', maxBuffer: answerBytes } as const;
    return new Promise((resolve, reject) => {
      const child = execFile(this.program, [verb], options, (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const how = error.killed ? `took longer than ${this.timeoutMs} ms, or said too much` : `ended with ${error.code}`;
        reject(new Error(`${this.program} ${verb} ${how}: ${stderr.slice(0, complaintLength)}`));
      });
      // It may end without having read the question: its end says more than that.
      child.stdin?.on('error', () => {});
      child.stdin?.end(question);
    });
  }
}
