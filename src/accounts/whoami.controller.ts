import { whoamiSchema } from '@berth/contract';
import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AccountsService } from './accounts.service.js';
import { AnyRole, type Caller, CurrentCaller } from './caller.js';

@ApiTags('accounts')
@Controller('v1/whoami')
export class WhoamiController {
  constructor(@Inject(AccountsService) private readonly accounts: AccountsService) {}

  @Get()
  @AnyRole()
  @ApiOperation({ summary: 'Who this key belongs to, and its role' })
  @ApiOkResponse({ standardSchema: whoamiSchema, description: 'The key’s holder.' })
  whoami(@CurrentCaller() caller: Caller) {
    return this.accounts.whoami(caller);
  }
}
