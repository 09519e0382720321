import type { Whoami } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext, readContextFile, writeContextFile } from '../config.js';
import { usage } from '../failure.js';
import { contextNameOf, withKey } from '../signed-in.js';
import { askSecret, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface LoginOptions extends CommonOptions {
  readonly email?: string;
  readonly tenant?: string;
  readonly operator?: boolean;
  readonly invitation?: string;
  readonly key?: boolean;
  readonly name?: string;
}

export function addLogin(program: Command): void {
  addVerb(program, 'login [url]', 'Sign in, with a password or an API key', [
    ['berth login https://berth.example.com --email me@example.com', 'asks for the password'],
    ['berth login --email me@example.com --tenant acme', 'where the current context leads'],
    ['berth login https://berth.example.com --email me@example.com --invitation TOKEN', 'for the first time'],
    ['berth login https://berth.example.com --key <key-file', 'with an API key, from stdin'],
  ])
    .option('--email <address>', 'sign in as this user')
    .option('--tenant <name>', 'act for this tenant')
    .option('--operator', 'act for the platform')
    .option('--invitation <token>', 'accept this invitation first')
    .option('--key', 'use an API key in place of a password')
    .option('--name <context>', 'call the context so')
    .action(login);
}

async function login(url: string | undefined, options: LoginOptions): Promise<void> {
  if ((options.email === undefined) === !options.key) throw usage('Say --email ADDRESS, or --key.');
  const place = placeOf(url, options);
  const key = options.key ? await askSecret('API key') : await passwordLogin(place.url, options);
  const me = await answer(connect({ ...place, apiKey: key, operatorKey: null }).GET('/v1/whoami'));
  writeContextFile(withKey(readContextFile(), { ...place, key, role: me.role }));
  if (options.output === 'json') return printJson({ context: place.name, ...me });
  await print(`${nameOf(me)} at ${place.url}, as context ${place.name}.`);
}

function placeOf(url: string | undefined, { context, name }: LoginOptions) {
  if (url === undefined) {
    const current = currentContext(context);
    return { url: current.url, name: name ?? current.name };
  }
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw usage(`"${url}" is not the URL of a Berth.`, 'It looks like https://berth.example.com.');
  return { url: url.replace(/\/+$/, ''), name: name ?? context ?? contextNameOf(url) };
}

async function passwordLogin(url: string, { email = '', tenant, operator, invitation }: LoginOptions): Promise<string> {
  const api = connect({ name: '', url, apiKey: null, operatorKey: null }, { as: 'nobody' });
  const password = await askSecret('Password');
  if (invitation !== undefined) await answer(api.POST('/v1/invitations/accept', { body: { token: invitation, password } }));
  const where = operator ? { tenant: null } : tenant === undefined ? {} : { tenant };
  const { token } = await answer(api.POST('/v1/sessions', { body: { email, password, transport: 'bearer', ...where } }));
  return token ?? '';
}

function nameOf({ role, user, tenant }: Whoami): string {
  return `${user ? `Signed in as ${user.email}` : 'The key works'}: ${role} of ${tenant ? tenant.name : 'the platform'}`;
}
