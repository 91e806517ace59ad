import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { client } from '../api/client.ts'

/** What the API finds in a text that is not kept; with what it found before until it has answered. */
export function useLint(markdown: string) {
  return useQuery({
    queryKey: ['/api/admin/gameplans/lint', { markdown }],
    queryFn: async ({ signal }) =>
      (await client.POST('/api/admin/gameplans/lint', { body: { markdown }, signal })).data,
    enabled: markdown.trim() !== '',
    placeholderData: keepPreviousData,
    // The same text always has the same findings; texts that were typed over are not asked about again.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 10_000,
  })
}
