// Where whoever is shown a task's identity token finds the keys to check it with: OpenID Connect discovery.

import { discoverySchema, publicKeysSchema } from '@berth/contract';
import { Controller, Get, Header, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '../accounts/caller.js';
import { Identity } from './identity.service.js';

const jwksPath = '.well-known/jwks.json';

@ApiTags('identity')
@Public()
@Controller()
export class IdentityController {
  constructor(@Inject(Identity) private readonly identity: Identity) {}

  @Get('.well-known/openid-configuration')
  @Header('cache-control', 'public, max-age=3600')
  @ApiOperation({ summary: 'Who signs tasks’ identity tokens, and how', description: 'OpenID Connect Discovery 1.0.' })
  @ApiOkResponse({ standardSchema: discoverySchema, description: 'The issuer.' })
  discovery() {
    const { issuer } = this.identity;
    return {
      issuer,
      jwks_uri: `${issuer}/${jwksPath}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      claims_supported: [
        'iss',
        'sub',
        'aud',
        'exp',
        'nbf',
        'iat',
        'jti',
        'tenant_id',
        'tenant',
        'family',
        'revision',
        'task_id',
        'task_name',
        'host_id',
      ],
    };
  }

  @Get(jwksPath)
  @Header('cache-control', 'public, max-age=3600')
  @ApiOperation({ summary: 'The public keys of tasks’ identity tokens', description: 'A JSON Web Key Set (RFC 7517).' })
  @ApiOkResponse({ standardSchema: publicKeysSchema, description: 'The keys that sign now, signed before, and will sign next.' })
  async publicKeys() {
    return { keys: await this.identity.publicKeys() };
  }
}
