// Security groups: who may open connections to a task, and to whom it may. A tenant's own objects, as EC2 has them.
import { z } from 'zod';
import { pageQuerySchema } from './account.js';

export const securityGroupLimits = { perTask: 5, rules: 60, perTenant: 100 } as const;

/** The group of tasks that name none. Every tenant has it, and it can't be deleted. */
export const defaultSecurityGroup = 'default';

export const securityGroupNameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1–63 lower-case letters, digits or "-", not at the ends');

const cidrPattern = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}\/(3[0-2]|[12]?\d)$/;

/** An IPv4 network. Bits behind the prefix must be 0, so that a rule says what it means. */
export const cidrSchema = z
  .string()
  .regex(cidrPattern, 'must be an IPv4 network such as 203.0.113.0/24; one address is a /32')
  .refine(
    (text) => !cidrPattern.test(text) || hasOnlyNetworkBits(text),
    'has bits set behind its prefix: 203.0.113.0/24, not 203.0.113.7/24',
  );

export const ruleProtocols = ['tcp', 'udp', 'icmp', 'all'] as const;
export type RuleProtocol = (typeof ruleProtocols)[number];

const portNumber = z.int().min(0).max(65_535);

const ruleFields = {
  protocol: z.enum(ruleProtocols),
  fromPort: portNumber.optional().describe('First port. Only for tcp and udp; left out together with toPort: every port.'),
  toPort: portNumber.optional().describe('Last port.'),
};

const peerSchema = z
  .union([
    z.strictObject({ cidr: cidrSchema }),
    z.strictObject({ group: securityGroupNameSchema.describe('A security group of the same tenant: its tasks, wherever they run.') }),
  ])
  .describe('A CIDR stands for the world outside and for the tenant’s own tasks, never for another tenant’s.');

export const ingressRuleSchema = z
  .strictObject({ ...ruleFields, source: peerSchema })
  .superRefine(checkPorts)
  .meta({ id: 'IngressRule' });
export const egressRuleSchema = z
  .strictObject({ ...ruleFields, destination: peerSchema })
  .superRefine(checkPorts)
  .meta({ id: 'EgressRule' });
export type IngressRule = z.output<typeof ingressRuleSchema>;
export type EgressRule = z.output<typeof egressRuleSchema>;

const description = z.string().max(255);
const ingressRules = z.array(ingressRuleSchema).max(securityGroupLimits.rules);
const egressRules = z.array(egressRuleSchema).max(securityGroupLimits.rules);

/** What a new group lets out when it does not say. */
export const openEgress: readonly EgressRule[] = [{ protocol: 'all', destination: { cidr: '0.0.0.0/0' } }];

export const createSecurityGroupSchema = z
  .strictObject({
    name: securityGroupNameSchema.describe('Unique within the tenant.'),
    description: description.default(''),
    ingress: ingressRules.default([]).describe('Who may connect to its tasks. Nobody, if left out.'),
    egress: egressRules.default([...openEgress]).describe('To whom its tasks may connect. Everybody, if left out.'),
  })
  .meta({ id: 'CreateSecurityGroup' });
export type CreateSecurityGroup = z.output<typeof createSecurityGroupSchema>;

export const updateSecurityGroupSchema = z
  .strictObject({ description: description.optional(), ingress: ingressRules.optional(), egress: egressRules.optional() })
  .meta({ id: 'UpdateSecurityGroup' })
  .describe('What is left out stays; a list of rules takes the place of the whole list before it.');
export type UpdateSecurityGroup = z.output<typeof updateSecurityGroupSchema>;

export const securityGroupSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    ingress: z.array(ingressRuleSchema),
    egress: z.array(egressRuleSchema),
    version: z.int().describe('Grows with every change of its rules.'),
    tasks: z.int().describe('Tasks in it that have not stopped.'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'SecurityGroup' });
export type SecurityGroup = z.output<typeof securityGroupSchema>;

export const securityGroupListQuerySchema = pageQuerySchema;

interface Ports {
  readonly protocol: RuleProtocol;
  readonly fromPort?: number | undefined;
  readonly toPort?: number | undefined;
}

function checkPorts({ protocol, fromPort, toPort }: Ports, context: z.RefinementCtx): void {
  const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  if (fromPort === undefined && toPort === undefined) return;
  if (protocol !== 'tcp' && protocol !== 'udp') issue('fromPort', `${protocol} has no ports; leave fromPort and toPort out`);
  else if (fromPort === undefined) issue('fromPort', 'give it together with toPort');
  else if (toPort === undefined) issue('toPort', 'give it together with fromPort');
  else if (fromPort > toPort) issue('toPort', `is less than fromPort, ${fromPort}`);
}

function hasOnlyNetworkBits(cidr: string): boolean {
  const [address = '', length = '32'] = cidr.split('/');
  const value = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  return value % 2 ** (32 - Number(length)) === 0;
}
