import { Checkbox, Stack, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { parametersOf } from './parameters.ts'

/** Makes all of its changes now. */
export function ApplyRequest({ request }: { request: schemas['ChangeRequest'] }) {
  const { changes, conflicts, environment, title, version } = request
  const read = useRef(version)
  const [force, setForce] = useState(false)
  const [overrideFreeze, setOverrideFreeze] = useState(false)
  const healable = conflicts.every(({ kind }) => kind === 'changed')
  return (
    <ConfirmButton
      label="Apply"
      title={`Apply “${title}” now?`}
      variant="filled"
      blocked={
        healable ? undefined : 'Something that it is about is gone, archived or there already: edit the request.'
      }
      run={(confirmed) => {
        const { path, query, header } = parametersOf(request, confirmed, read.current)
        return client.POST('/api/admin/environments/{environment}/change-requests/{id}/apply', {
          params: { path, query: { ...query, overrideFreeze: overrideFreeze ? 'true' : undefined }, header },
          body: { force },
        })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">
          {changes.length === 1 ? 'Its change is' : `All of its ${changes.length} changes are`} made in {environment} at
          once, as one configuration, or none is. Applications see it within seconds; undoing it takes another request.
        </Text>
        {conflicts.length > 0 && (
          <Checkbox
            label={`Although ${conflicts.length === 1 ? 'something was' : `${conflicts.length} things were`} changed since`}
            description="Needs a reason; what was changed is overwritten"
            checked={force}
            onChange={({ currentTarget }) => setForce(currentTarget.checked)}
          />
        )}
        <Checkbox
          label="Also inside a freeze"
          description="Needs a reason"
          checked={overrideFreeze}
          onChange={({ currentTarget }) => setOverrideFreeze(currentTarget.checked)}
        />
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
