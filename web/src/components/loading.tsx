import { Skeleton, Stack, VisuallyHidden } from '@mantine/core'

/** What is shown until something is read; every read ends, in the worst case as an error. */
export function Loading({ rows = 5 }: { rows?: number }) {
  const places = Array.from({ length: rows }, (_, place) => place)
  return (
    <Stack gap="xs" role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      {places.map((place) => (
        <Skeleton key={place} height={30} />
      ))}
    </Stack>
  )
}
