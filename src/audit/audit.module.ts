// Who changed what, and who was denied what. What is told to whom is the guard's (src/accounts/).
import { Module } from '@nestjs/common';
import { AuditController } from './audit.controller.js';
import { AuditService } from './audit.service.js';
import { AuditStore } from './audit.store.js';
import { AuditTrail } from './audit-trail.service.js';

@Module({ controllers: [AuditController], providers: [AuditService, AuditStore, AuditTrail], exports: [AuditTrail] })
export class AuditModule {}
