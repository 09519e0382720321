import { dataKeyRotatedSchema, masterKeyRewrappedSchema, type TenantId } from '@berth/contract';
import { Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { KeyRotation } from './key-rotation.service.js';

@ApiTags('secrets')
@Controller('v1')
export class KeysController {
  constructor(@Inject(KeyRotation) private readonly rotation: KeyRotation) {}

  @Post('data-key/rotate')
  @HttpCode(200)
  @RequireRole('owner')
  @ApiOperation({
    summary: 'Replace the key that seals this tenant’s secrets',
    description: 'Seals all values anew. Nothing changes for who uses them. If it is cut off, do it again.',
  })
  @ApiOkResponse({ standardSchema: dataKeyRotatedSchema, description: 'What was done.' })
  rotateDataKey(@CurrentTenant() tenant: TenantId) {
    return this.rotation.rotate(tenant);
  }

  @Post('master-key/rewrap')
  @HttpCode(200)
  @RequireRole('operator')
  @ApiOperation({
    summary: 'Wrap all tenants’ keys by the current master key',
    description:
      'After BERTH_MASTER_KEY_FILE or BERTH_MASTER_KEY_ID names a new one and BERTH_OLDER_MASTER_KEY_FILES the files before, on all replicas.',
  })
  @ApiOkResponse({ standardSchema: masterKeyRewrappedSchema, description: 'What was done; then the older files can go.' })
  rewrapDataKeys() {
    return this.rotation.rewrap();
  }
}
