// Between replicas: a stream that one wants of a host which is connected to another. The other passes the request on, and
// the host dials the one that asked; what is said on the stream never passes a third.
import type { HostId } from '@berth/contract';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { SignalBus } from '../db/signals.js';
import { HostLinks, type RelayedStream } from './host-links.service.js';

interface FailedStream {
  readonly hostId: HostId;
  readonly streamId: string;
  readonly reason: string;
}

/** A NOTIFY has 8000 bytes. */
const reasonCharacters = 200;

@Injectable()
export class StreamRelay implements OnModuleInit, OnModuleDestroy {
  private unsubscribe: (() => void)[] = [];

  constructor(
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(HostLinks) private readonly links: HostLinks,
  ) {}

  onModuleInit(): void {
    this.unsubscribe = [
      this.signals.on('streams', (messages) => {
        for (const message of messages) this.links.relay(JSON.parse(message) as RelayedStream);
      }),
      this.signals.on('streams-failed', (messages) => {
        for (const message of messages) this.take(JSON.parse(message) as FailedStream);
      }),
    ];
  }

  onModuleDestroy(): void {
    for (const off of this.unsubscribe) off();
  }

  /** A host that is connected here can't open a stream; whoever asked for it is told. */
  failed(failed: FailedStream): void {
    const told = { ...failed, streamId: failed.streamId.slice(0, 64), reason: failed.reason.slice(0, reasonCharacters) };
    if (!this.take(told)) this.signals.send('streams-failed', [JSON.stringify(told)]);
  }

  private take({ streamId, hostId, reason }: FailedStream): boolean {
    return this.links.streams.failed(streamId, hostId, reason);
  }
}
