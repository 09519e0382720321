import {
  type CreatePool,
  createPoolSchema,
  machineSchema,
  type PageQuery,
  pageQuerySchema,
  pageSchema,
  poolSchema,
  type UpdatePool,
  updatePoolSchema,
} from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequireRole } from '../accounts/caller.js';
import { PoolsService } from './pools.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1/pools')
export class PoolsController {
  constructor(@Inject(PoolsService) private readonly pools: PoolsService) {}

  @Post()
  @ApiOperation({
    summary: 'Make a pool of machines at EC2',
    description: 'Machines are started when tasks wait that fit on no host, and ended when they were not needed for some time.',
  })
  @ApiCreatedResponse({ standardSchema: poolSchema, description: 'The pool.' })
  @ApiConflictResponse({ description: 'The name is taken, or this Berth has no way to EC2.' })
  createPool(@Body({ schema: createPoolSchema }) body: CreatePool) {
    return this.pools.create(body);
  }

  @Get()
  @ApiOperation({ summary: 'List pools, by name' })
  @ApiOkResponse({ standardSchema: pageSchema(poolSchema, 'PoolPage'), description: 'All of them, in one page.' })
  async listPools() {
    return { items: await this.pools.list(), nextCursor: null };
  }

  @Get(':pool')
  @ApiOperation({ summary: 'Show a pool: its rules, its machines and what they cost' })
  @ApiOkResponse({ standardSchema: poolSchema, description: 'The pool.' })
  getPool(@Param('pool') name: string) {
    return this.pools.get(name);
  }

  @Patch(':pool')
  @ApiOperation({ summary: 'Change a pool’s rules', description: 'Machines that are there stay as they are.' })
  @ApiOkResponse({ standardSchema: poolSchema, description: 'The pool as it is now.' })
  updatePool(@Param('pool') name: string, @Body({ schema: updatePoolSchema }) body: UpdatePool) {
    return this.pools.update(name, body);
  }

  @Delete(':pool')
  @ApiOperation({ summary: 'Delete a pool that has no machines' })
  @ApiOkResponse({ standardSchema: poolSchema, description: 'The pool as it was.' })
  @ApiConflictResponse({ description: 'It still has machines.' })
  deletePool(@Param('pool') name: string) {
    return this.pools.delete(name);
  }

  @Get(':pool/machines')
  @ApiOperation({ summary: 'List a pool’s machines, those of the past included, newest first' })
  @ApiOkResponse({ standardSchema: pageSchema(machineSchema, 'MachinePage'), description: 'A page of them.' })
  listMachines(@Param('pool') name: string, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.pools.machines(name, query);
  }
}
