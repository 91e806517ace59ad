import { Alert, Button, List, Text } from '@mantine/core'
import { lazy, Suspense } from 'react'
import { type ApiError, adviceOn } from '../api/error.ts'

// Only who is refused needs it.
const OfferRequest = lazy(() => import('../change-requests/offer-request.tsx'))

/** A refusal: what, why, which fields, and what can be done. */
export function ErrorPanel({ error, retry }: { error: ApiError; retry?: () => unknown }) {
  const advice = adviceOn(error)
  return (
    <Alert color="red" variant="outline" title={error.title} role="alert">
      <Text size="sm">{error.message}</Text>
      {error.fields.length > 0 && (
        <List size="sm" mt={4}>
          {error.fields.map(({ field, message }) => (
            <List.Item key={`${field} ${message}`}>
              <span className="mono">{field}</span> {message}
            </List.Item>
          ))}
        </List>
      )}
      {advice && (
        <Text size="sm" mt={4}>
          {advice}
        </Text>
      )}
      {error.code === 'change-request-required' && (
        <Suspense>
          <OfferRequest error={error} />
        </Suspense>
      )}
      {retry && (
        <Button size="compact-sm" variant="default" mt="xs" onClick={() => retry()}>
          Try again
        </Button>
      )}
    </Alert>
  )
}
