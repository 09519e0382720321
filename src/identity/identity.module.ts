// The control plane as an issuer: tokens that say which task somebody is, and the keys to check them with.
import { Module } from '@nestjs/common';
import { IdentityController } from './identity.controller.js';
import { Identity } from './identity.service.js';

@Module({ controllers: [IdentityController], providers: [Identity], exports: [Identity] })
export class IdentityModule {}
