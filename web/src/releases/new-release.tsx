import { Stack, Text, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { client } from '../api/client.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import classes from '../flags/fields.module.css'
import { FlagSelect } from '../flags/flag-select.tsx'
import { ListFields } from '../flags/list-fields.tsx'
import { SchedulePreview } from '../flags/schedule-preview.tsx'
import { TimeInput } from '../flags/time-input.tsx'
import { NO_UPDATES, type UpdatesDraft, UpdatesFields, updatesOf } from '../flags/updates-fields.tsx'
import { updatesText } from '../flags/updates-text.ts'
import { inWords, readWallClock } from '../flags/wall-clock.ts'
import { useEnvironment } from '../shell/address.ts'

type Change = UpdatesDraft & { flagKey: string }

const NO_CHANGE: Change = { ...NO_UPDATES, flagKey: '' }
const EMPTY = { due: '', comment: '', changes: [NO_CHANGE, NO_CHANGE] }

/** Makes a release and goes to its page. */
export function NewRelease() {
  const environment = useEnvironment()
  const navigate = useNavigate()
  const [draft, setDraft] = useState(EMPTY)
  const { due, comment, changes } = draft
  const at = readWallClock(due)?.at
  return (
    <ConfirmButton
      label="Create a release"
      title={`Change several flags of ${environment} at one instant`}
      variant="filled"
      wide
      onOpen={() => setDraft(EMPTY)}
      run={async ({ reason, key }) => {
        const { data } = await client.POST('/api/admin/releases', {
          params: { query: { environment, reason }, header: { 'idempotency-key': key } },
          body: {
            scheduledAt: at?.toISOString() ?? '',
            ...(comment.trim() && { comment: comment.trim() }),
            changes: changes.map(({ flagKey, ...updates }) => ({ flagKey, updates: updatesOf(updates) })),
          },
        })
        if (data)
          void navigate({ to: '/releases/$releaseId', params: { releaseId: data.id }, search: ({ env }) => ({ env }) })
      }}
    >
      <Stack gap="md">
        <TimeInput label="Due" required value={due} onChange={(due) => setDraft({ ...draft, due })} />
        <ListFields
          label="Changes"
          one="change"
          items={changes}
          onChange={(changes) => setDraft({ ...draft, changes })}
          make={() => NO_CHANGE}
        >
          {(item, change) => (
            <>
              <div className={classes.third}>
                <FlagSelect
                  size="xs"
                  environment={environment}
                  value={item.flagKey}
                  onChange={(flagKey) => change({ flagKey })}
                  except={changes.map(({ flagKey }) => flagKey)}
                />
              </div>
              <div className={classes.rest}>
                <UpdatesFields size="xs" draft={item} change={change} />
              </div>
              {at && item.flagKey && (
                <div className={classes.all}>
                  <SchedulePreview
                    of={{ path: { flagKey: item.flagKey }, query: { environment } }}
                    body={{ scheduledAt: at.toISOString(), updates: updatesOf(item) }}
                  />
                </div>
              )}
            </>
          )}
        </ListFields>
        <TextInput
          label="Comment"
          description="Shown with the release (optional)"
          maxLength={2000}
          value={comment}
          onChange={({ currentTarget }) => setDraft({ ...draft, comment: currentTarget.value })}
        />
        {at && (
          <Text size="sm" role="status">
            At {inWords(at)}, all at once:{' '}
            {changes.map((change) => `${change.flagKey || '…'} ${updatesText(updatesOf(change)) || '…'}`).join('; ')}.
            If one cannot be changed, none is.
          </Text>
        )}
      </Stack>
    </ConfirmButton>
  )
}
