import { type CreatePriceBook, createPriceBookSchema, priceBookListSchema, priceBookSchema } from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Post } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Audited, RequireRole } from '../../accounts/caller.js';
import { PriceBookVersions } from './price-book-versions.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1/price-books')
export class PriceBooksController {
  constructor(@Inject(PriceBookVersions) private readonly books: PriceBookVersions) {}

  @Post()
  @Audited('*')
  @ApiOperation({
    summary: 'Make a price book, or the next version of one',
    description: 'A version that is in force is never changed. Sending the same again, with its start, makes no second one.',
  })
  @ApiCreatedResponse({ standardSchema: priceBookSchema, description: 'The version.' })
  @ApiConflictResponse({ description: 'The book is in another currency.' })
  createPriceBook(@Body({ schema: createPriceBookSchema }) body: CreatePriceBook) {
    return this.books.create(body);
  }

  @Get()
  @ApiOperation({ summary: 'List price books, every version of each' })
  @ApiOkResponse({ standardSchema: priceBookListSchema, description: 'By name, and then oldest first.' })
  async listPriceBooks() {
    return { items: await this.books.list() };
  }

  @Get(':priceBook')
  @ApiOperation({ summary: 'Show all versions of a price book' })
  @ApiOkResponse({ standardSchema: priceBookListSchema, description: 'Oldest first.' })
  async getPriceBook(@Param('priceBook') name: string) {
    return { items: await this.books.get(name) };
  }

  @Delete(':priceBook/versions/:version')
  @ApiOperation({ summary: 'Delete a version that is not in force yet', description: 'Or one of a book that no tenant has.' })
  @ApiOkResponse({ standardSchema: priceBookSchema, description: 'What is gone.' })
  @ApiConflictResponse({ description: 'It is in force.' })
  deletePriceBookVersion(@Param('priceBook') name: string, @Param('version') version: string) {
    return this.books.delete(name, version);
  }
}
