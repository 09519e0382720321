// Wake-up calls between the parts of the control plane: at once inside this process, and by NOTIFY to the other
// replicas. A signal is a hint that something changed in PostgreSQL, never the change itself: one may be lost (the
// connection broke), so every listener also looks by itself from time to time.
import { EventEmitter } from 'node:events';
import pg from 'pg';

/** What changed, and for whom. Ids only; a payload of NOTIFY is at most 8000 bytes. */
export interface Signals {
  /** There is work for the scheduler: new pending tasks, or capacity became free. */
  pending: null;
  /** What these hosts are to run has changed. */
  desired: readonly string[];
  /** These tasks' status has changed. */
  tasks: readonly string[];
  /** What operators want of these hosts has changed, or they were removed. */
  hosts: readonly string[];
  /** Security groups or the hosts' table have changed. */
  network: null;
  /** Volumes that live on these hosts were deleted. */
  volumes: readonly string[];
  /** Requests for hosts that are connected to another replica: JSON, one at a time (see HostLinks). */
  streams: readonly string[];
  /** Such a request that its host could not serve: JSON. */
  'streams-failed': readonly string[];
}

const channel = 'berth';
const idsPerMessage = 150;
const reconnectAfterMs = 1_000;

export class SignalBus {
  private readonly local = new EventEmitter();
  private listener: pg.Client | null = null;
  private outbox: string[] = [];
  private sending: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly databaseUrl: string,
    private readonly replica: string,
    private readonly onError: (error: unknown) => void,
  ) {
    this.local.setMaxListeners(0);
  }

  on<K extends keyof Signals>(name: K, listen: (value: Signals[K]) => void): () => void {
    this.local.on(name, listen);
    return () => this.local.off(name, listen);
  }

  /** Call after the commit. Local listeners run before this returns. */
  send<K extends keyof Signals>(name: K, value: Signals[K]): void {
    this.local.emit(name, value);
    const parts = value === null ? [null] : chunks(value, idsPerMessage);
    for (const part of parts) this.outbox.push(JSON.stringify({ from: this.replica, name, value: part }));
    this.sending ??= this.sendAll().finally(() => {
      this.sending = null;
    });
  }

  /** Connects, and again whenever the connection breaks; after a gap every listener is woken. */
  async start(): Promise<void> {
    const client = new pg.Client({ connectionString: this.databaseUrl, application_name: 'berth-signals', keepAlive: true });
    client.on('error', this.onError);
    client.on('notification', (message) => this.receive(message.payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}`);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    // Only now: a client that never connected ends too, and its failure is the caller's to handle.
    client.once('end', () => this.reconnect());
    this.listener = client;
    if (this.closed) await client.end();
  }

  async stop(): Promise<void> {
    this.closed = true;
    await this.sending;
    await this.listener?.end();
  }

  /** One statement at a time, with all that has gathered meanwhile. Without a connection there is nobody to tell. */
  private async sendAll(): Promise<void> {
    while (this.outbox.length > 0) {
      const messages = this.outbox;
      this.outbox = [];
      await this.listener
        ?.query('SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message', [channel, messages])
        .catch(this.onError);
    }
  }

  private receive(payload: string): void {
    const message = JSON.parse(payload) as { from: string; name: keyof Signals; value: never };
    if (message.from !== this.replica) this.local.emit(message.name, message.value);
  }

  private reconnect(): void {
    this.listener = null;
    if (this.closed) return;
    setTimeout(() => {
      this.start()
        .then(() => this.local.emit('pending', null))
        .catch((error) => {
          this.onError(error);
          this.reconnect();
        });
    }, reconnectAfterMs).unref();
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}
