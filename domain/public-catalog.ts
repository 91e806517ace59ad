import { z } from 'zod'
import { MediaItem } from './media-item.ts'

export const PublicItem = MediaItem.pick({
  id: true,
  title: true,
  mediaType: true,
  releasedAt: true,
  metadata: true,
  trendingScore: true,
})
  .extend({ relevance: z.number().meta({ description: 'By the formula of the active policy' }) })
  .meta({ id: 'PublicItem' })
export type PublicItem = z.infer<typeof PublicItem>
