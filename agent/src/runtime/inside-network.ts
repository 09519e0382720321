// The inner side of a sandbox's network: address, route and kernel settings, by ioctl(2) from the agent itself. A
// program per sandbox would cost more than everything else about it.
import { closeSync, existsSync, writeFileSync } from 'node:fs';
import { controlSocket, inNetworkNamespace, ioctl } from './syscalls.js';

// linux/sockios.h, net/if.h, net/route.h
const requests = { addRoute: 0x890b, setFlags: 0x8914, setAddress: 0x8916, setNetmask: 0x891c } as const;
const interfaceUp = 1;
const routeUpByGateway = 3;

/** Ports below 1024 need no capability and ping no socket of its own kind, for the namespace is the task's alone. */
const settings: readonly (readonly [string, string])[] = [
  ['ipv4/ip_unprivileged_port_start', '0'],
  ['ipv4/ping_group_range', '0 65535'],
  ['ipv6/conf/all/disable_ipv6', '1'],
  ['ipv6/conf/default/disable_ipv6', '1'],
];

export interface InsideAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

/** Sets up lo and eth0 of the network namespace that the file `namespace` names. Safe twice. */
export function configureInside(namespace: string, to: InsideAddress): void {
  inNetworkNamespace(namespace, () => {
    for (const [name, value] of settings) {
      const file = `/proc/sys/net/${name}`;
      if (existsSync(file)) writeFileSync(file, value);
    }
    const socket = controlSocket();
    try {
      configure(socket, to);
    } finally {
      closeSync(socket);
    }
  });
}

function configure(socket: number, to: InsideAddress): void {
  const up = Buffer.alloc(16);
  up.writeUInt16LE(interfaceUp, 0);
  ioctl(socket, requests.setFlags, interfaceRequest('lo', up), 'lo up');
  ioctl(socket, requests.setAddress, interfaceRequest('eth0', socketAddress(to.address)), `eth0 ${to.address}`);
  ioctl(socket, requests.setNetmask, interfaceRequest('eth0', socketAddress(netmask(to.prefixLength))), `eth0 /${to.prefixLength}`);
  ioctl(socket, requests.setFlags, interfaceRequest('eth0', up), 'eth0 up');
  try {
    ioctl(socket, requests.addRoute, defaultRoute(to.gateway), `default via ${to.gateway}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** struct ifreq: the name, and a union of 24 bytes. */
function interfaceRequest(name: string, union: Buffer): Buffer {
  const request = Buffer.alloc(40);
  request.write(name, 0, 15, 'latin1');
  union.copy(request, 16);
  return request;
}

/** struct sockaddr_in. */
function socketAddress(address: string): Buffer {
  const inet = 2;
  const result = Buffer.alloc(16);
  result.writeUInt16LE(inet, 0);
  Buffer.from(address.split('.').map(Number)).copy(result, 4);
  return result;
}

/** struct rtentry: destination and mask all zero, after eight bytes of padding. */
function defaultRoute(gateway: string): Buffer {
  const route = Buffer.alloc(120);
  socketAddress('0.0.0.0').copy(route, 8);
  socketAddress(gateway).copy(route, 24);
  socketAddress('0.0.0.0').copy(route, 40);
  route.writeUInt16LE(routeUpByGateway, 56);
  return route;
}

function netmask(prefixLength: number): string {
  return [0, 8, 16, 24].map((from) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefixLength - from)))).join('.');
}
