import { List, Stack, Text } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { BeforeAfter } from '../components/before-after.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Notice } from '../components/notice.tsx'
import { utc } from '../components/time.ts'
import type { useFlagAddress } from './flag-address.ts'
import classes from './flag-page.module.css'
import { inWords } from './wall-clock.ts'

const PREVIEW = '/api/admin/flags/{flagKey}/schedule/preview'
const LOOK_AFTER_MS = 250

/** `scheduleId`: of a pending schedule that is moved or changed. */
type Body = { scheduledAt: string; updates: schemas['Schedule']['updates']; comment?: string; scheduleId?: string }

/** What a schedule of a flag would do if it were made now; read again while it is edited, and when others change something. */
export function SchedulePreview({ of: params, body }: { of: ReturnType<typeof useFlagAddress>; body: Body }) {
  const [asked] = useDebouncedValue(JSON.stringify(body), LOOK_AFTER_MS)
  const complete = body.scheduledAt !== '' && Object.keys(body.updates).length > 0
  const { data, error } = useQuery({
    queryKey: [PREVIEW, params, asked],
    queryFn: async ({ signal }) =>
      (await client.POST(PREVIEW, { params, body: JSON.parse(asked) as Body, signal })).data,
    enabled: complete && asked === JSON.stringify(body),
    placeholderData: keepPreviousData,
  })
  if (!complete) {
    return (
      <Text size="sm" className="quiet">
        Say when, and what it changes, to see what it would do.
      </Text>
    )
  }
  return (
    <section aria-label="What it would do" aria-live="polite">
      {error && <ErrorPanel error={error} />}
      {data ? <Outlook preview={data} /> : !error && <Text size="sm">Looking ahead …</Text>}
    </section>
  )
}

function Outlook({ preview }: { preview: schemas['SchedulePreview'] }) {
  const { valid, problems, deferredFrom, scheduledAt, before, after, conflicts, overrides, overriddenBy, applied } =
    preview
  const others = [
    ...overrides.map(({ scheduleId, field, createdBy, scheduledAt, theirs }) => ({
      key: `before ${scheduleId} ${field}`,
      text: `Replaces ${field} = ${JSON.stringify(theirs)} of ${createdBy}, due ${inWords(scheduledAt)}.`,
    })),
    ...overriddenBy.map(({ scheduleId, field, createdBy, scheduledAt, theirs }) => ({
      key: `after ${scheduleId} ${field}`,
      text: `Is replaced by ${field} = ${JSON.stringify(theirs)} of ${createdBy}, due ${inWords(scheduledAt)}.`,
    })),
  ]
  return (
    <Stack gap="xs">
      {!valid && (
        <Notice title="It would be refused" bad>
          {problems.map(({ code, detail, fields }) => (
            <Text size="sm" key={code}>
              {detail} {fields.map(({ field, message }) => `${field} ${message}`).join('; ')}
            </Text>
          ))}
        </Notice>
      )}
      {deferredFrom && (
        <Text size="sm" fw={600}>
          A freeze puts it off until {inWords(scheduledAt)} · {utc(scheduledAt)}
        </Text>
      )}
      {conflicts.length > 0 && (
        <Notice title="It contradicts other schedules">
          {conflicts.map(({ scheduleId, field, detail }) => (
            <Text size="sm" key={`${scheduleId} ${field}`}>
              {detail}
            </Text>
          ))}
        </Notice>
      )}
      <div className={`panel ${classes.preview}`}>
        <Text size="xs" className="quiet">
          The flag just before and just after; number {applied.position} of its pending schedules
        </Text>
        <BeforeAfter before={before} after={after} />
        <List size="xs" mt={4}>
          {others.map(({ key, text }) => (
            <List.Item key={key}>{text}</List.Item>
          ))}
        </List>
      </div>
    </Stack>
  )
}
