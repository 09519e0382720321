import { whoamiSchema } from '@berth/contract';
import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AnyRole, type Caller, CurrentCaller } from './caller.js';
import { Tenants } from './tenants.service.js';

@ApiTags('accounts')
@Controller('v1/whoami')
export class WhoamiController {
  constructor(@Inject(Tenants) private readonly tenants: Tenants) {}

  @Get()
  @AnyRole()
  @ApiOperation({ summary: 'Who this key or session belongs to, and what it may' })
  @ApiOkResponse({ standardSchema: whoamiSchema, description: 'The key’s holder.' })
  whoami(@CurrentCaller() caller: Caller) {
    return this.tenants.whoami(caller);
  }
}
