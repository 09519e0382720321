// Tenants, API keys and their roles: who may do what. Not what they do.
import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard.js';
import { AccountsService } from './accounts.service.js';
import { AccountsStore } from './accounts.store.js';
import { Authenticator } from './authenticator.service.js';
import { RequestLimit } from './request-limit.service.js';
import { SocketDoor } from './socket-door.service.js';
import { TenantsController } from './tenants.controller.js';
import { WhoamiController } from './whoami.controller.js';

@Module({
  controllers: [TenantsController, WhoamiController],
  providers: [AccountsStore, AccountsService, Authenticator, RequestLimit, SocketDoor, { provide: APP_GUARD, useClass: AccessGuard }],
  exports: [SocketDoor],
})
export class AccountsModule {}
