// Registers task definitions: images become digests, revisions are counted.
import type { TaskDefinition, TaskDefinitionListQuery, TaskDefinitionSpec, TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { ApiError, notFound } from '../errors.js';
import { badCursor, decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { hashOf } from './canonical-json.js';
import { ImageResolver } from './image-resolver.service.js';
import { type Definition, type DefinitionName, parseDefinitionName, type RegisteredSpec, toApiDefinition } from './task-definition.js';
import { TaskDefinitionsStore } from './task-definitions.store.js';

@Injectable()
export class TaskDefinitionsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(TaskDefinitionsStore) private readonly store: TaskDefinitionsStore,
    @Inject(ImageResolver) private readonly images: ImageResolver,
  ) {}

  /**
   * Always a new revision.
   * @throws ApiError unknown_image, registry_denied, registry_unavailable
   */
  async register(tenantId: TenantId, input: TaskDefinitionSpec): Promise<TaskDefinition> {
    const spec = await this.resolve(input);
    const definition = await this.database.transaction(async (manager) => {
      await this.store.lockFamily(manager, tenantId, spec.family);
      return this.store.insert(manager, tenantId, spec, hashOf(spec));
    });
    return toApiDefinition(definition);
  }

  /** With each image's digest. @throws as `register`; `prefix` stands before the field's path. */
  async resolve(input: TaskDefinitionSpec, prefix = ''): Promise<RegisteredSpec> {
    const containers = await Promise.all(
      input.containers.map(async (container, index) => ({
        ...container,
        imageDigest: await this.images.resolve(container.image, `${prefix}containers.${index}.image`),
      })),
    );
    return { ...input, containers };
  }

  /** The revision that says exactly this, made if the family has none. Part of the caller's transaction. */
  async findOrInsert(manager: EntityManager, tenantId: TenantId, spec: RegisteredSpec): Promise<Definition> {
    const hash = hashOf(spec);
    const known = await this.store.lockSame(manager, tenantId, spec.family, hash);
    if (known) return known;
    await this.store.lockFamily(manager, tenantId, spec.family);
    return (await this.store.lockSame(manager, tenantId, spec.family, hash)) ?? this.store.insert(manager, tenantId, spec, hash);
  }

  /** The definition to run, held against deregistration until the transaction ends. @throws ApiError not_found */
  async lockForRun(manager: EntityManager, tenantId: TenantId, name: string): Promise<Definition> {
    const definition = await this.store.lockForRun(manager, tenantId, parseName(name));
    if (!definition) throw noDefinition(name);
    return definition;
  }

  /** @throws ApiError not_found */
  async get(tenantId: TenantId, name: string): Promise<TaskDefinition> {
    const definition = await this.store.find(tenantId, parseName(name));
    if (!definition) throw noDefinition(name);
    return toApiDefinition(definition);
  }

  async list(tenantId: TenantId, { family, limit, cursor }: TaskDefinitionListQuery): Promise<Page<TaskDefinition>> {
    const rows = await this.store.list(tenantId, family ?? null, cursor === undefined ? null : placeOf(cursor), limit + 1);
    const page = pageOf(rows, limit, 'definitions', (row) => [row.family, String(row.revision)]);
    return { ...page, items: page.items.map(toApiDefinition) };
  }

  /**
   * Nothing can be started from it any more. Doing it again changes nothing.
   * @throws ApiError not_found, definition_in_use, invalid_request when no revision is named
   */
  async deregister(tenantId: TenantId, name: string): Promise<TaskDefinition> {
    const { family, revision } = parseName(name);
    if (revision === null)
      throw new ApiError('invalid_request', { detail: `Name the revision to deregister, for example ${family}:1.` }, { field: 'name' });
    const { definition, activeTasks } = await this.store.deregister(tenantId, family, revision);
    if (!definition) throw noDefinition(name);
    if (activeTasks > 0) throw new ApiError('definition_in_use', { definition: name, count: activeTasks });
    return toApiDefinition(definition);
  }
}

function parseName(text: string): DefinitionName {
  const name = parseDefinitionName(text);
  if (!name) throw noDefinition(text);
  return name;
}

function placeOf(cursor: string): { family: string; revision: number } {
  const [family = '', revision = ''] = decodeCursor(cursor, 'definitions', 2);
  if (!/^\d{1,9}$/.test(revision)) throw badCursor();
  return { family, revision: Number(revision) };
}

/** `family:revision` has up to 138 characters. */
export function noDefinition(name: string): ApiError {
  return notFound('task definition', name, 140);
}
