// Images that the bundled registry offers.
import { z } from 'zod';

export const imageSchema = z
  .object({ name: z.string().describe('As it is written in a task definition, without a tag.'), tags: z.array(z.string()) })
  .meta({ id: 'Image' });
export type Image = z.output<typeof imageSchema>;

export const imagesSchema = z.object({ items: z.array(imageSchema) }).meta({ id: 'Images' });
