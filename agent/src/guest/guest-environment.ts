// The variables that tell a container where its metadata is. What the definition sets under the same name wins.
import { guestId } from './guest-id.js';

export const taskMetadataAddress = '169.254.170.2';
export const instanceMetadataAddress = '169.254.169.254';

export type GuestEnvironment = (taskId: string, container: string) => Readonly<Record<string, string>>;

export function guestEnvironment(key: Buffer, region: string): GuestEnvironment {
  const base = `http://${taskMetadataAddress}`;
  return (taskId, container) => {
    const id = guestId(key, taskId, container);
    return {
      ECS_CONTAINER_METADATA_URI: `${base}/v3/${id}`,
      ECS_CONTAINER_METADATA_URI_V4: `${base}/v4/${id}`,
      ECS_AGENT_URI: `${base}/api/${id}`,
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: `/v2/credentials/${id}`,
      BERTH_IDENTITY_TOKEN_URI: `${base}/identity/${id}/token`,
      BERTH_TASK_ID: taskId,
      BERTH_REGION: region,
    };
  };
}
