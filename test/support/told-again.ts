// Tells usage in a host's name, as its agent would: over a link of its own, by the host's key and certificate.
import { once } from 'node:events';
import { type AgentFrame, agentPaths, type GatewayFrame, protocolVersion, type UsageRecord } from '@berth/contract';
import { WebSocket } from 'ws';
import { loadIdentity } from '../../agent/src/identity.js';

/**
 * The agent itself must not be linked meanwhile. Resolves when everything was acknowledged.
 * @param dataDirectory of the agent
 * @param frames told one after the other, without waiting
 */
export async function tellUsage(gatewayUrl: string, dataDirectory: string, frames: readonly (readonly UsageRecord[])[]): Promise<void> {
  const identity = await loadIdentity(dataDirectory);
  if (!identity) throw new Error(`There is no identity in ${dataDirectory}.`);
  const { hostId, key, certificate, authority } = identity;
  const socket = new WebSocket(`${gatewayUrl}${agentPaths.link}`, { key, cert: certificate, ca: authority });
  const send = (frame: AgentFrame) => socket.send(JSON.stringify(frame));
  await once(socket, 'open');
  const acknowledged = new Promise<void>((resolve, reject) => {
    const waiting = new Set(frames.map((_, index) => index + 1));
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as GatewayFrame;
      if (frame.type === 'welcome')
        for (const [index, usage] of frames.entries()) send({ type: 'events', seq: index + 1, reports: [], usage: [...usage] });
      if (frame.type === 'desired') send({ type: 'ack', seq: frame.seq });
      if (frame.type === 'ack') waiting.delete(frame.seq);
      if (waiting.size === 0) resolve();
    });
    socket.on('close', (code, text) => reject(new Error(`the gateway has closed: ${code} ${text}`)));
  });
  send({
    ...{
      type: 'hello',
      protocol: protocolVersion,
      hostId,
      name: 'again',
      bootId: 'of a test',
      agentVersion: '0',
      attributes: {},
      tasks: [],
    },
    ...{ capacity: { cpuMillis: 1, memoryMiB: 1, taskSlots: 0 }, diskPressure: null },
  });
  await acknowledged;
  socket.removeAllListeners('close');
  socket.close();
}
