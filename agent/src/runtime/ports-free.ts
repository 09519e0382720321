// Asks the host whether a port is free, by taking it for a moment.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { IsFree } from './ports.js';

export const isFreeOnHost: IsFree = (protocol, port) => (protocol === 'tcp' ? tcpIsFree(port) : udpIsFree(port));

function tcpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function udpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind({ port, address: '0.0.0.0', exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
