// A real OpenID Connect provider (oidc-provider) on a port of its own, and what lies in between: it can change the ID token
// on its way from the provider to Berth.
import { createServer, type Server } from 'node:http';
import Provider from 'oidc-provider';
import { freePort } from './cluster.js';

export interface IdentityProvider {
  readonly issuer: string;
  /** What the next ID tokens are changed to; null: nothing. */
  tamper: ((idToken: string) => string | Promise<string>) | null;
  /** What the provider says of somebody, by login. */
  readonly people: Map<string, { email: string; email_verified: boolean; name?: string }>;
  /** Walks a browser through the provider's pages. @returns the address that it is sent back to. */
  signIn(authorizationUrl: string, login: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startIdentityProvider(redirectUri: string): Promise<IdentityProvider> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const people: IdentityProvider['people'] = new Map();
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'berth', client_secret: 'the-clients-secret', redirect_uris: [redirectUri] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: (_context, sub) => ({ accountId: sub, claims: async () => ({ sub, ...people.get(sub) }) }),
  });
  const handle = provider.callback();
  const idp: Omit<IdentityProvider, 'stop'> = { issuer, tamper: null, people, signIn: (url, login) => walk(issuer, url, login) };
  const server: Server = createServer((request, response) => {
    if (request.url !== '/token' || !idp.tamper) return void handle(request, response);
    const { tamper } = idp;
    const end = response.end.bind(response);
    // The length is another one then.
    const setHeader = response.setHeader.bind(response);
    response.setHeader = (name, value) => (name.toLowerCase() === 'content-length' ? response : setHeader(name, value));
    response.end = ((text: Buffer | string) => {
      const body = JSON.parse(String(text)) as { id_token?: string };
      void Promise.resolve(body.id_token && tamper(body.id_token)).then((token) => end(JSON.stringify({ ...body, id_token: token })));
      return response;
    }) as typeof response.end;
    void handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return Object.assign(idp, {
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** The provider's development pages: a login, then a consent. */
async function walk(issuer: string, authorizationUrl: string, login: string): Promise<string> {
  const cookies = new Map<string, string>();
  const visit = async (url: string, form?: Record<string, string>): Promise<Response> => {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    return answer;
  };
  let answer = await visit(authorizationUrl);
  for (let step = 0; step < 12; step++) {
    const location = answer.headers.get('location');
    if (location && !new URL(location, issuer).href.startsWith(issuer)) return location;
    if (location) answer = await visit(new URL(location, issuer).href);
    else {
      const page = await answer.text();
      const action = /action="([^"]+)"/.exec(page)?.[1] ?? '';
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1] ?? '';
      if (!action) throw new Error(`The provider shows something else (${answer.status}): ${page.slice(0, 300)}`);
      answer = await visit(new URL(action, issuer).href, { prompt, ...(prompt === 'login' ? { login, password: 'x' } : {}) });
    }
  }
  throw new Error('The provider leads in circles.');
}
