// Named counters of nftables, asked for as the kernel takes it (netlink(7); linux/netfilter/nf_tables.h). Pure. To ask nft's
// library for one takes 9 ms: it reads everything that there is on the host first.

/** NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWOBJ and NFT_MSG_GETOBJ. */
const objectMessage = (10 << 8) | 18;
const getObject = (10 << 8) | 19;
const messages = { error: 2, done: 3 };
/** NLM_F_REQUEST, and NLM_F_DUMP beside it. */
const flags = { request: 1, dump: 0x300 };
const ipv4 = 2;
const objectAttributes = { table: 1, name: 2, type: 3, data: 4 };
const counterBytes = 1;
const counterType = 1;
const headerBytes = 16;
const bodyOffset = headerBytes + 4;
const attributeHeaderBytes = 4;
/** Without the flag that says that there are attributes inside. */
const attributeType = 0x3fff;

export interface CounterAnswer {
  readonly counters: readonly { readonly name: string; readonly bytes: number }[];
  /** Nothing more follows. */
  readonly done: boolean;
  /** The kernel's error number; 0 if there is none. */
  readonly errno: number;
}

/** @param name null asks for all counters of the table (of family `ip`). */
export function counterRequest(table: string, name: string | null): Buffer {
  const type = Buffer.alloc(4);
  type.writeUInt32BE(counterType);
  const attributes = [
    attribute(objectAttributes.table, text(table)),
    ...(name === null ? [] : [attribute(objectAttributes.name, text(name))]),
    attribute(objectAttributes.type, type),
  ];
  const header = Buffer.alloc(bodyOffset);
  const message = Buffer.concat([header, ...attributes]);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(getObject, 4);
  message.writeUInt16LE(flags.request | (name === null ? flags.dump : 0), 6);
  message.writeUInt8(ipv4, headerBytes);
  return message;
}

/** Reads what one read(2) from the socket gave. */
export function countersIn(answer: Buffer): CounterAnswer {
  const counters: { name: string; bytes: number }[] = [];
  for (let at = 0; at + headerBytes <= answer.length; ) {
    const length = Math.max(headerBytes, answer.readUInt32LE(at));
    const type = answer.readUInt16LE(at + 4);
    const message = answer.subarray(at, at + length);
    if (type === messages.done) return { counters, done: true, errno: 0 };
    if (type === messages.error) return { counters, done: true, errno: -message.readInt32LE(headerBytes) };
    if (type === objectMessage) counters.push(counterOfObject(message.subarray(bodyOffset)));
    at += aligned(length);
  }
  return { counters, done: false, errno: 0 };
}

function counterOfObject(body: Buffer): { name: string; bytes: number } {
  const object = attributesIn(body);
  const name = object.get(objectAttributes.name)?.toString('utf8').replace(/\0$/, '') ?? '';
  const bytes = attributesIn(object.get(objectAttributes.data) ?? Buffer.alloc(0)).get(counterBytes);
  return { name, bytes: Number(bytes?.readBigUInt64BE() ?? 0n) };
}

function attributesIn(buffer: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + attributeHeaderBytes <= buffer.length; ) {
    const length = Math.max(attributeHeaderBytes, buffer.readUInt16LE(at));
    found.set(buffer.readUInt16LE(at + 2) & attributeType, buffer.subarray(at + attributeHeaderBytes, at + length));
    at += aligned(length);
  }
  return found;
}

function attribute(type: number, value: Buffer): Buffer {
  const whole = Buffer.alloc(aligned(attributeHeaderBytes + value.length));
  whole.writeUInt16LE(attributeHeaderBytes + value.length, 0);
  whole.writeUInt16LE(type, 2);
  value.copy(whole, attributeHeaderBytes);
  return whole;
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
