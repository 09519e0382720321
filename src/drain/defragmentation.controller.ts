import { type DefragmentationSettings, defragmentationSchema, defragmentationSettingsSchema } from '@berth/contract';
import { Body, Controller, Get, Inject, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequireRole } from '../accounts/caller.js';
import { DefragmentationService } from './defragmentation.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1/defragmentation')
export class DefragmentationController {
  constructor(@Inject(DefragmentationService) private readonly defragmentation: DefragmentationService) {}

  @Get()
  @ApiOperation({ summary: 'Show how defragmentation is set, and what it found' })
  @ApiOkResponse({ standardSchema: defragmentationSchema, description: 'Settings and findings.' })
  getDefragmentation() {
    return this.defragmentation.get();
  }

  @Put()
  @ApiOperation({
    summary: 'Set whether and how fast hosts that are used little are emptied',
    description: 'Only tasks that ask to be replaced are moved, within their budgets, and none is forced.',
  })
  @ApiOkResponse({ standardSchema: defragmentationSchema, description: 'Settings and findings.' })
  setDefragmentation(@Body({ schema: defragmentationSettingsSchema }) body: DefragmentationSettings) {
    return this.defragmentation.set(body);
  }
}
