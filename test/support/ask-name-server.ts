// Asks a name server one question from whatever network this process is in, and prints the answer in hex, or "nothing".
//   ask-name-server.ts <server> udp|tcp <packet in hex>
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const [server = '', transport, hex = ''] = process.argv.slice(2);
const question = Buffer.from(hex, 'hex');
const patienceMs = 8_000;
const againMs = 1_500;

function done(answer: Buffer | null): void {
  process.stdout.write(answer?.toString('hex') ?? 'nothing');
  process.exit(0);
}

setTimeout(() => done(null), patienceMs);
if (transport === 'udp') {
  const socket = createSocket('udp4');
  socket.on('message', done);
  socket.on('error', () => done(null));
  // As resolvers do: a packet may be lost.
  socket.connect(53, server, () => {
    socket.send(question);
    setInterval(() => socket.send(question), againMs);
  });
} else {
  const socket = connect(53, server);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(question.length);
  let received = Buffer.alloc(0);
  socket.on('error', () => done(null));
  socket.on('close', () => done(null));
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) done(received.subarray(2));
  });
  socket.write(Buffer.concat([length, question]));
}
