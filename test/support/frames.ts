// Ethernet frames as an attacker would make them, byte by byte. Each carries a mark by which it is known again.
export interface Station {
  readonly mac: string;
  readonly address: string;
}

const ethernet = (to: string, from: string, type: number, payload: Buffer) =>
  Buffer.concat([macBytes(to), macBytes(from), word(type), payload]);
const broadcast = 'ff:ff:ff:ff:ff:ff';
const [ipv4Type, arpType, ipv6Type, vlanType] = [0x0800, 0x0806, 0x86dd, 0x8100];

export function arpFrame(kind: 'request' | 'reply', sender: Station, target: Station, to: string = broadcast, mark = ''): Buffer {
  const packet = Buffer.concat([
    Buffer.from([0, 1, 8, 0, 6, 4]),
    word(kind === 'request' ? 1 : 2),
    ...[sender, target].flatMap(({ mac, address }) => [macBytes(mac), ipv4Bytes(address)]),
    Buffer.from(mark),
  ]);
  return ethernet(to, sender.mac, arpType, packet);
}

/** @param from whom the packet says that it is from, in both headers unless `frameFrom` says otherwise. */
export function udpFrame(to: Station, from: Station, port: number, mark: string, frameFrom = from.mac): Buffer {
  return ethernet(to.mac, frameFrom, ipv4Type, ipv4Packet(from.address, to.address, 17, udp(port, mark)));
}

/** The first packet of a connection, with the mark where data may be. */
export function tcpFrame(to: Station, from: Station, port: number, mark: string): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(40_000, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt32BE(1, 4);
  header.writeUInt16BE(0x5002, 12);
  header.writeUInt16BE(64_000, 14);
  const segment = Buffer.concat([header, Buffer.from(mark)]);
  const pseudo = Buffer.concat([ipv4Bytes(from.address), ipv4Bytes(to.address), Buffer.from([0, 6]), word(segment.length), segment]);
  segment.writeUInt16BE(checksum(pseudo), 16);
  return ethernet(to.mac, from.mac, ipv4Type, ipv4Packet(from.address, to.address, 6, segment));
}

/** From the link-local address that belongs to the sender's MAC. */
export function ipv6Frame(toMac: string, toAddress: Buffer, fromMac: string, port: number, mark: string): Buffer {
  const segment = udp(port, mark);
  const header = Buffer.concat([Buffer.from([0x60, 0, 0, 0]), word(segment.length), Buffer.from([17, 255]), linkLocal(fromMac), toAddress]);
  return ethernet(toMac, fromMac, ipv6Type, Buffer.concat([header, segment]));
}

/** The frame with an 802.1Q tag, which hides its type from a filter that looks at the first one only. */
export function tagged(frame: Buffer, vlan: number): Buffer {
  return Buffer.concat([frame.subarray(0, 12), word(vlanType), word(vlan), frame.subarray(12)]);
}

export function linkLocal(mac: string): Buffer {
  const bytes = macBytes(mac);
  const id = Buffer.concat([bytes.subarray(0, 3), Buffer.from([0xff, 0xfe]), bytes.subarray(3)]);
  id.writeUInt8(id.readUInt8(0) ^ 2, 0);
  return Buffer.concat([Buffer.from('fe80000000000000', 'hex'), id]);
}

export const allNodes = { mac: '33:33:00:00:00:01', address: Buffer.from('ff020000000000000000000000000001', 'hex') };
export const multicast: Station = { mac: '01:00:5e:00:00:fb', address: '224.0.0.251' };
export const everybody: Station = { mac: broadcast, address: '255.255.255.255' };

function udp(port: number, mark: string): Buffer {
  return Buffer.concat([word(40_000), word(port), word(8 + mark.length), word(0), Buffer.from(mark)]);
}

function ipv4Packet(from: string, to: string, protocol: number, payload: Buffer): Buffer {
  const header = Buffer.concat([
    Buffer.from([0x45, 0]),
    word(20 + payload.length),
    Buffer.from([0, 7, 0, 0, 64, protocol, 0, 0]),
    ipv4Bytes(from),
    ipv4Bytes(to),
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt8(at) * 256 + (at + 1 < bytes.length ? bytes.readUInt8(at + 1) : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

const macBytes = (mac: string) => Buffer.from(mac.replaceAll(':', ''), 'hex');
const ipv4Bytes = (address: string) => Buffer.from(address.split('.').map(Number));
