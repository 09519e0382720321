// Tenants, their users and API keys, and how much they may have: who may do what. Not what they do.
import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuditModule } from '../audit/audit.module.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { AccessGuard } from './access.guard.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeys } from './api-keys.service.js';
import { ApiKeysStore } from './api-keys.store.js';
import { Authenticator } from './authenticator.service.js';
import { LastUses } from './last-uses.service.js';
import { LoginAttemptsStore } from './login-attempts.store.js';
import { OidcController } from './oidc.controller.js';
import { Oidc } from './oidc.service.js';
import { OidcSignIn } from './oidc-sign-in.service.js';
import { OperatorsController } from './operators.controller.js';
import { OwnPages } from './own-pages.service.js';
import { Passwords } from './passwords.service.js';
import { QuotaSpending } from './quota-spending.service.js';
import { QuotasController } from './quotas.controller.js';
import { Quotas } from './quotas.service.js';
import { QuotasStore } from './quotas.store.js';
import { RequestLimit } from './request-limit.service.js';
import { RequestTrail } from './request-trail.service.js';
import { SessionCookie } from './session-cookie.service.js';
import { SessionsController } from './sessions.controller.js';
import { Sessions } from './sessions.service.js';
import { SessionsStore } from './sessions.store.js';
import { SocketAccess } from './socket-access.service.js';
import { SocketDoor } from './socket-door.service.js';
import { SubmittersStore } from './submitters.store.js';
import { TenantsController } from './tenants.controller.js';
import { Tenants } from './tenants.service.js';
import { TenantsStore } from './tenants.store.js';
import { UsersController } from './users.controller.js';
import { Users } from './users.service.js';
import { UsersStore } from './users.store.js';
import { WhoamiController } from './whoami.controller.js';

@Module({
  imports: [AuditModule, SecretsModule],
  controllers: [
    TenantsController,
    OperatorsController,
    UsersController,
    SessionsController,
    OidcController,
    ApiKeysController,
    QuotasController,
    WhoamiController,
  ],
  providers: [
    ...[
      ApiKeys,
      ApiKeysStore,
      Authenticator,
      LastUses,
      LoginAttemptsStore,
      Oidc,
      OidcSignIn,
      OwnPages,
      Passwords,
      QuotaSpending,
      Quotas,
      QuotasStore,
      RequestLimit,
    ],
    ...[
      RequestTrail,
      SessionCookie,
      Sessions,
      SessionsStore,
      SocketAccess,
      SocketDoor,
      SubmittersStore,
      Tenants,
      TenantsStore,
      Users,
      UsersStore,
    ],
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [QuotaSpending, SocketDoor, SubmittersStore, Tenants],
})
export class AccountsModule {}
