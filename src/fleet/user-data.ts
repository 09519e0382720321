// What a new machine is told at its first start: who it is and where to go, then what its pool wants it to run.
import type { Market } from '@berth/contract';

/** The same on each instance, and only from there. */
const instanceMetadata = 'http://169.254.169.254';

export interface Errand {
  readonly joinUrl: string;
  readonly gatewayUrl: string;
  readonly token: string;
  readonly hostName: string;
  readonly region: string;
  readonly zone: string;
  readonly instanceType: string;
  readonly market: Market;
}

/**
 * A shell script for cloud-init. The same machine is told the same, byte for byte, however often EC2 is asked for it: EC2
 * refuses a token that comes with another request.
 */
export function userData(errand: Errand, bootScript: string): string {
  const settings: Record<string, string> = {
    BERTH_JOIN_URL: errand.joinUrl,
    BERTH_GATEWAY_URL: errand.gatewayUrl,
    BERTH_HOST_TOKEN: errand.token,
    BERTH_HOST_NAME: errand.hostName,
    BERTH_HOST_REGION: errand.region,
    BERTH_HOST_ZONE: errand.zone,
    BERTH_HOST_INSTANCE_TYPE: errand.instanceType,
    // EC2 takes no others back.
    ...(errand.market === 'spot' ? { BERTH_EC2_METADATA_URL: instanceMetadata } : {}),
  };
  const lines = Object.entries(settings).map(([name, value]) => `export ${name}=${quoted(value)}`);
  return `#!/bin/sh\n# Made by Berth for this machine. The token is good once, and not for long.\n${lines.join('\n')}\n\n${bootScript}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
