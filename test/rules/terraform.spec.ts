// infra/terraform, as far as it can be judged without terraform: every reference leads somewhere, every argument is known,
// every variable is described, checked and used, and nothing is open, in clear or secret that should not be.
import { readFileSync } from 'node:fs';
import { createPoolSchema } from '@berth/contract';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Configuration,
  directory,
  expressionsIn,
  type Json,
  readConfiguration,
  referencesIn,
  shellFault,
  templates,
  texts,
} from './terraform.js';
import schema from './terraform-arguments.json' with { type: 'json' };
import { read } from './tree.js';

const meta = ['for_each', 'count', 'depends_on', 'lifecycle', 'provider'];
const known = new Map(
  Object.entries(schema).map(([type, text]) => {
    const [takes = '', gives = ''] = text.split('|');
    return [type, { takes: new Set(takes.trim().split(' ')), gives: new Set(gives.trim().split(' ')) }] as const;
  }),
);

let terraform: Configuration;
let references: { at: string; root: string; parts: readonly string[] }[];
beforeAll(async () => {
  terraform = await readConfiguration();
  references = terraform.whole
    .flatMap((file) => texts(file))
    .flatMap(({ path, text }) =>
      expressionsIn(text).flatMap((expression) => referencesIn(expression).map((one) => ({ at: path.join('.'), ...one }))),
    );
});

const resource = (type: string) => terraform.resources.filter((one) => one.type === type);
const body = (type: string) => resource(type).map((one) => one.body as Record<string, Json>);
/** As hcl2json writes it. */
const expression = (text: string) => `\${${text}}`;
const block = (value: Json | undefined) => ((Array.isArray(value) ? value[0] : value) ?? {}) as Record<string, Json>;

/** `rule.expiration.days`; maps such as tags are values, not blocks. A dynamic block is what its content says. */
function argumentsOf(value: Json, at: string): string[] {
  if (Array.isArray(value))
    return value.some((one) => typeof one === 'object' && one !== null && !Array.isArray(one))
      ? value.flatMap((one) => argumentsOf(one, at))
      : [at];
  if (typeof value !== 'object' || value === null || /(^|\.)tags$/.test(at)) return [at];
  const entries = Object.entries(value).filter(([name]) => !meta.includes(name));
  if (entries.length === 0) return at === '' ? [] : [at];
  return entries.flatMap(([name, inner]) => {
    if (name !== 'dynamic') return argumentsOf(inner, at === '' ? name : `${at}.${name}`);
    const blocks = Object.entries(inner as Record<string, { content: Json }[]>);
    return blocks.flatMap(([label, [dynamic]]) => argumentsOf(dynamic?.content ?? null, label));
  });
}

describe('references', () => {
  it('are found at all', () => {
    expect(references.length).toBeGreaterThan(200);
    expect(referencesIn('aws_nat_gateway.main[each.key].id')).toEqual([{ root: 'aws_nat_gateway', parts: ['main', 'id'] }]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what it is about
    expect(expressionsIn('a-${var.name}-${cidrsubnet(var.x, 4, each.value)} $${not.one}')).toEqual([
      'var.name',
      'cidrsubnet(var.x, 4, each.value)',
    ]);
  });

  it('lead to what is there', () => {
    const names = new Set(terraform.resources.map(({ type, name }) => `${type}.${name}`));
    const lost = references.filter(({ root, parts: [first = '', second = ''] }) => {
      if (root === 'var') return !terraform.variables.has(first);
      if (root === 'local') return !terraform.locals.has(first);
      if (root === 'data') return !names.has(`data.${first}.${second}`);
      if (root === 'each') return !['key', 'value'].includes(first);
      if (root === 'path') return first !== 'module';
      return root !== 'module' && !names.has(`${root}.${first}`);
    });
    expect(lost).toEqual([]);
  });

  it('read attributes that exist', () => {
    const unknown = references.filter(({ root, parts }) => {
      const [type, attribute] = root === 'data' ? [`data.${parts[0]}`, parts[2]] : [root, parts[1]];
      return known.has(type) && attribute !== undefined && !known.get(type)?.gives.has(attribute);
    });
    expect(unknown).toEqual([]);
  });

  it('leave nothing unused', () => {
    const used = new Set(references.map(({ root, parts }) => `${root}.${parts[0]}`));
    const dead = [
      ...[...terraform.variables.keys()].map((name) => `var.${name}`),
      ...[...terraform.locals].map((name) => `local.${name}`),
    ].filter((name) => !used.has(name));
    expect(dead).toEqual([]);
  });
});

describe('resources', () => {
  it('take only what is in the list of what they take', () => {
    const unknown = terraform.resources.flatMap(({ type, name, body: given }) =>
      argumentsOf(given, '')
        .filter((argument) => !known.get(type)?.takes.has(argument))
        .map((argument) => `${type}.${name}: ${argument}`),
    );
    expect(unknown).toEqual([]);
  });

  it('are all of the list', () => {
    const types = new Set(terraform.resources.map(({ type }) => type));
    expect([...known.keys()].filter((type) => type !== '$comment' && !types.has(type))).toEqual([]);
  });
});

describe('variables and outputs', () => {
  it('are described', () => {
    const silent = [...terraform.variables, ...terraform.outputs].filter(
      ([, { description }]) => typeof description !== 'string' || description.length < 10,
    );
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  it('have types, and are checked unless every value is right', () => {
    const anything = ['bool', 'map(string)'];
    const free = ['control_plane_instance_type'];
    const unchecked = [...terraform.variables].filter(
      ([name, { type, validation }]) =>
        !free.includes(name) && !anything.includes(String(type).replace(/[${}]/g, '')) && validation === undefined,
    );
    expect(unchecked.map(([name]) => name)).toEqual([]);
    expect([...terraform.variables].filter(([, { type }]) => type === undefined)).toEqual([]);
  });
});

describe('safety', () => {
  it('lets nobody in from everywhere but by a variable', () => {
    const rules = terraform.resources.filter(({ type }) => type === 'aws_vpc_security_group_ingress_rule');
    expect(rules.length).toBeGreaterThan(5);
    const open = rules.filter(({ body: rule }) => rule.cidr_ipv4 !== undefined && JSON.stringify(rule).includes('0.0.0.0/0'));
    expect(open).toEqual([]);
    expect(terraform.variables.get('api_ingress_cidrs')?.default).toEqual([]);
    const everywhere = terraform.whole
      .flatMap((file) => texts(file))
      .filter(({ text }) => text === '0.0.0.0/0')
      .map(({ path }) => path.join('.'));
    expect([...new Set(everywhere)].sort()).toEqual([
      'resource.aws_route.internet.destination_cidr_block',
      'resource.aws_route.nat.destination_cidr_block',
      'variable.egress_cidrs.default',
    ]);
    expect(
      terraform.resources.filter(({ type, body: given }) => type === 'aws_security_group' && (given.ingress ?? given.egress) !== undefined),
    ).toEqual([]);
  });

  it('has no secret in it', () => {
    const lines = [...terraform.whole.flatMap((file) => texts(file)).map(({ path, text }) => ({ name: path.at(-1) ?? '', text }))];
    const literal = lines.filter(
      ({ name, text }) =>
        /password|auth_token|secret_string|_key$/i.test(name) && name !== 'release_key' && !text.includes('${') && text !== 'true',
    );
    expect(literal.filter(({ name }) => !['kms_key_id', 'key'].includes(name))).toEqual([]);
    const all = [...templates.map(read), JSON.stringify(terraform.whole)].join('\n');
    expect(all).not.toMatch(/AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|berth-host\.[\w-]{20,}/);
  });

  it('keeps what is kept encrypted, apart from the world, and for some time', () => {
    for (const database of body('aws_db_instance')) {
      expect(database).toMatchObject({
        storage_encrypted: true,
        publicly_accessible: false,
        multi_az: true,
        deletion_protection: expression('var.deletion_protection'),
        backup_retention_period: expression('var.database_backup_days'),
      });
    }
    for (const cache of body('aws_elasticache_replication_group'))
      expect(cache).toMatchObject({ at_rest_encryption_enabled: true, transit_encryption_enabled: true, multi_az_enabled: true });
    for (const files of body('aws_efs_file_system')) expect(files).toMatchObject({ encrypted: true });
    for (const bucket of body('aws_s3_bucket_public_access_block'))
      expect(Object.values(bucket).filter((value) => value === true)).toHaveLength(4);
    for (const subnet of body('aws_subnet')) expect(subnet.map_public_ip_on_launch).toBe(false);
    const [parameters] = body('aws_db_parameter_group');
    expect(parameters?.parameter).toContainEqual({ name: 'rds.force_ssl', value: '1' });
    expect(body('aws_db_instance')).toHaveLength(1);
  });

  it('makes machines whose metadata is for them alone, with encrypted disks', () => {
    const machines = body('aws_launch_template');
    expect(machines).toHaveLength(2);
    for (const machine of machines) {
      expect(block(machine.metadata_options)).toEqual({
        http_endpoint: 'enabled',
        http_tokens: 'required',
        http_put_response_hop_limit: 1,
      });
      expect(block(block(machine.block_device_mappings).ebs)).toMatchObject({
        encrypted: true,
        kms_key_id: expression('aws_kms_key.main.arn'),
      });
    }
  });

  it('allows roles nothing without bounds but to look', () => {
    const policies = ['control_plane', 'host'].flatMap((name) =>
      resource('data.aws_iam_policy_document').filter((one) => one.name === name),
    );
    const statements = policies.flatMap((one) => (one.body as Record<string, Json>).statement as Record<string, Json>[]);
    const wide = statements.filter(
      ({ resources, actions }) =>
        JSON.stringify(resources).includes('"*"') || (actions as string[]).some((action) => /^(\*|\w+:\*)$/.test(action)),
    );
    expect(wide.map(({ actions }) => actions)).toEqual([['ec2:DescribeInstances', 'ec2:DescribeSpotInstanceRequests']]);
  });

  it('serves TLS of today', () => {
    const listeners = body('aws_lb_listener').map(({ protocol, ssl_policy: policy = null }) => [protocol, policy]);
    expect(listeners.sort()).toEqual([
      ['HTTPS', 'ELBSecurityPolicy-TLS13-1-2-2021-06'],
      ['TCP', null],
    ]);
  });
});

describe('templates', () => {
  const calls = () =>
    terraform.whole
      .flatMap((file) => texts(file))
      .flatMap(({ text }) => [...text.matchAll(/templatefile\("\$\{path\.module\}\/(templates\/[\w.-]+)", \{([\s\S]*?)\n\s*\}\)/g)])
      .map(([, path = '', given = '']) => ({
        path: `${directory}/${path}`,
        given: [...given.matchAll(/^\s*(\w+)\s*=/gm)].map(([, name = '']) => name),
      }));

  it('are given what they use, and nothing else', () => {
    expect(
      calls()
        .map(({ path }) => path)
        .sort(),
    ).toEqual([...templates].sort());
    for (const { path, given } of calls()) {
      const used = new Set([...read(path).matchAll(/(?<!\$)\$\{(\w+)/g)].map(([, name]) => name));
      expect([...used].sort(), path).toEqual([...given].sort());
    }
  });

  it.each(templates)('%s is a shell script', (path) => {
    const script = read(path)
      .replace(/\$\{install\}/, 'true')
      .replace(/\$\{[\w.]+\}/g, 'x');
    expect(shellFault(script)).toBe('');
    expect(shellFault('if true; then')).not.toBe('');
  });

  it('set only what the control plane knows', () => {
    const config = readFileSync('src/config.ts', 'utf8');
    const set = [...read(`${directory}/templates/control-plane.sh.tftpl`).matchAll(/^(BERTH_\w+)=/gm)].map(([, name = '']) => name);
    expect(set.length).toBeGreaterThan(10);
    expect(set.filter((name) => !config.includes(`  ${name}:`))).toEqual([]);
  });
});

describe('the first pool', () => {
  it('is one that the API takes', () => {
    const text = String(terraform.outputs.get('pool')?.value);
    const names = [...text.matchAll(/^\s{4}(\w+)\s*=/gm)].map(([, name = '']) => name);
    expect(names).toContain('launchTemplate');
    expect(names.filter((name) => !(name in createPoolSchema.shape))).toEqual([]);
    const required = Object.entries(createPoolSchema.shape).filter(([, field]) => !field.safeParse(undefined).success);
    expect(required.map(([name]) => name).filter((name) => !names.includes(name))).toEqual([]);
    const types = terraform.variables.get('host_instance_types')?.default;
    expect(createPoolSchema.shape.instanceTypes.safeParse(typeof types === 'string' ? [] : types).success).toBe(true);
  });
});
