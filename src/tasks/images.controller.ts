import { imagesSchema } from '@berth/contract';
import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequireRole } from '../accounts/caller.js';
import { ImageCatalog } from './image-catalog.service.js';

@ApiTags('images')
@Controller('v1/images')
export class ImagesController {
  constructor(@Inject(ImageCatalog) private readonly catalog: ImageCatalog) {}

  @Get()
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'List the images of the bundled registry',
    description: 'Any other registry’s images can be run too, by their whole name.',
  })
  @ApiOkResponse({ standardSchema: imagesSchema, description: 'The images, by name.' })
  async listImages() {
    return { items: await this.catalog.list() };
  }
}
