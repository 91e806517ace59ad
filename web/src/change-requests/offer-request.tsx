import { Button, Group, NativeSelect, Stack, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { client, newIdempotencyKey } from '../api/client.ts'
import type { ApiError } from '../api/error.ts'
import { queryClient, useRead } from '../api/queries.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { ACTIONS, type ActionName, type NewChange, wordsOf } from './actions.ts'

const REQUESTS = '/api/admin/environments/{environment}/change-requests'

/** Where a write was refused for want of a change request: makes the request of that very change. */
export default function OfferRequest({ error }: { error: ApiError }) {
  const change = changeOf(error)
  return change && <Offer {...change} />
}

function Offer({ environment, change }: { environment: string; change: NewChange }) {
  const { words, about } = wordsOf({ flagKey: null, ...change })
  const [title, setTitle] = useState(`${words} ${about}`)
  const [into, setInto] = useState('')
  const [keys] = useState(() => [newIdempotencyKey(), newIdempotencyKey()] as const)
  const drafts = useRead(REQUESTS, { path: { environment }, query: { state: ['draft'], limit: 50 } }).data ?? []
  const navigate = useNavigate()
  const make = useMutation({
    mutationFn: async () => {
      const id = into || (await makeDraft(environment, title.trim(), keys[0]))
      await client.POST(`${REQUESTS}/{id}/changes`, {
        params: { path: { environment, id }, header: { 'idempotency-key': keys[1] } },
        body: change,
      })
      return id
    },
    onSuccess: async (id) => {
      await navigate({ to: '/change-requests/$id', params: { id }, search: { env: environment } })
      await queryClient.invalidateQueries()
    },
  })
  return (
    <Stack gap="xs" mt="xs">
      {drafts.length > 0 && (
        <NativeSelect
          size="xs"
          label="Put it into"
          value={into}
          onChange={({ currentTarget }) => setInto(currentTarget.value)}
          data={[
            { value: '', label: 'a new change request' },
            ...drafts.map((draft) => ({ value: draft.id, label: `the draft “${draft.title}”` })),
          ]}
        />
      )}
      <Group gap="xs" align="flex-end">
        {into === '' && (
          <TextInput
            size="xs"
            flex={1}
            label="Title of the request"
            maxLength={200}
            value={title}
            onChange={({ currentTarget }) => setTitle(currentTarget.value)}
          />
        )}
        {/* Not a submit: the form around it would send the change again. */}
        <Button
          size="xs"
          loading={make.isPending}
          disabled={into === '' && title.trim() === ''}
          onClick={() => make.mutate()}
        >
          Ask for it instead
        </Button>
      </Group>
      {make.error && <ErrorPanel error={make.error} />}
    </Stack>
  )
}

async function makeDraft(environment: string, title: string, key: string): Promise<string> {
  const { data } = await client.POST(REQUESTS, {
    params: { path: { environment }, header: { 'idempotency-key': key } },
    body: { title },
  })
  if (!data) throw new Error('The API answered without the request that it made')
  return data.id
}

/** The change that does what was refused; undefined where no action does. */
function changeOf({ members, refused }: ApiError): { environment: string; change: NewChange } | undefined {
  const action = members.action as ActionName | null | undefined
  if (!action || !refused) return undefined
  const { form, onFlag } = ACTIONS[action]
  const { flagKey, environment, planId, ...ids } = refused.path
  const { keepStrategies } = refused.query
  const payload = {
    ...ids,
    // A strategy of a milestone is named by its own id, or by the milestone's.
    ...(planId !== undefined && form !== 'strategy' && { planId }),
    ...(refused.body as object | undefined),
    // The one action whose call says something in its query.
    ...(keepStrategies !== undefined && { keepStrategies: keepStrategies === 'true' }),
  }
  const named = onFlag ? { flagKey } : {}
  return {
    environment: environment ?? String(refused.query.environment ?? 'production'),
    change: { action, ...named, payload } as NewChange,
  }
}
