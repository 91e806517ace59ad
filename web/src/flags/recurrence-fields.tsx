import { NativeSelect, NumberInput, Select, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import classes from './fields.module.css'
import { useFlagAddress } from './flag-address.ts'
import { Occurrences } from './occurrences.tsx'
import { TimeInput } from './time-input.tsx'
import { draftOfUpdates, NO_UPDATES, type UpdatesDraft, UpdatesFields, updatesOf } from './updates-fields.tsx'
import { readWallClock, wallClock, ZONE } from './wall-clock.ts'

type Recurrence = schemas['Recurrence']
type Rule = Recurrence['recurrence']

export type RecurrenceDraft = UpdatesDraft &
  Pick<Rule, 'cron' | 'timeZone' | 'gap' | 'overlap'> & {
    catchUp: Recurrence['catchUp']
    until: string
    count: number | string
    comment: string
  }

export const NEW_RECURRENCE: RecurrenceDraft = {
  ...NO_UPDATES,
  cron: '0 9 * * mon-fri',
  timeZone: ZONE,
  gap: 'shift',
  overlap: 'first',
  catchUp: 'latest',
  until: '',
  count: '',
  comment: '',
}

export function draftOfRecurrence({ recurrence, updates, comment, catchUp }: Recurrence): RecurrenceDraft {
  const { until, count, ...rule } = recurrence
  const ends = { until: until ? wallClock(until) : '', count: count ?? '' }
  return { ...draftOfUpdates(updates), ...rule, ...ends, catchUp, comment: comment ?? '' }
}

/** As the API takes it; null where there is no end. */
export function bodyOf(draft: RecurrenceDraft) {
  const { cron, timeZone, gap, overlap, catchUp, comment } = draft
  const until = readWallClock(draft.until)?.at.toISOString() ?? null
  const count = typeof draft.count === 'number' ? draft.count : null
  return { recurrence: { cron, timeZone, gap, overlap, until, count }, updates: updatesOf(draft), catchUp, comment }
}

const COMMON = [
  { value: '', label: 'As the expression says' },
  { value: '0 9 * * *', label: 'Every day at 09:00' },
  { value: '0 9 * * mon-fri', label: 'Monday to Friday at 09:00' },
  { value: '0 18 * * fri', label: 'Fridays at 18:00' },
  { value: '0 0 1 * *', label: 'The first of each month, 00:00' },
  { value: '30 2 * * *', label: 'Every night at 02:30' },
]

const ZONES = ['UTC', ...Intl.supportedValuesOf('timeZone')]

/** When something recurs, what changes then, where it ends, and its next five occurrences. */
export function RecurrenceFields({
  draft,
  change,
}: {
  draft: RecurrenceDraft
  change: (changed: Partial<RecurrenceDraft>) => void
}) {
  const { cron, timeZone, gap, overlap, catchUp, until, count, comment } = draft
  return (
    <Stack gap="sm">
      <UpdatesFields draft={draft} change={change} />
      <div className={classes.columns}>
        <NativeSelect
          label="Repeats"
          value={COMMON.some(({ value }) => value === cron) ? cron : ''}
          onChange={({ currentTarget: { value } }) => value && change({ cron: value })}
          data={COMMON}
        />
        <TextInput
          label="Cron expression"
          description="minute hour day month weekday"
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          classNames={{ input: 'mono' }}
          required
          withAsterisk={false}
          value={cron}
          onChange={({ currentTarget }) => change({ cron: currentTarget.value })}
        />
        <Select
          label="By the clock of"
          searchable
          allowDeselect={false}
          limit={50}
          value={timeZone}
          onChange={(zone) => zone && change({ timeZone: zone })}
          data={ZONES.includes(timeZone) ? ZONES : [timeZone, ...ZONES]}
        />
        <NativeSelect
          label="A time that clocks jump over"
          value={gap}
          onChange={({ currentTarget: { value } }) => change({ gap: value as Rule['gap'] })}
          data={[
            { value: 'shift', label: 'Later, by the jump' },
            { value: 'skip', label: 'Left out' },
          ]}
        />
        <NativeSelect
          label="A time that comes twice"
          value={overlap}
          onChange={({ currentTarget: { value } }) => change({ overlap: value as Rule['overlap'] })}
          data={[
            { value: 'first', label: 'The first of the two' },
            { value: 'both', label: 'Both' },
          ]}
        />
        <NativeSelect
          label="Missed while paused or down"
          value={catchUp}
          onChange={({ currentTarget: { value } }) => change({ catchUp: value as Recurrence['catchUp'] })}
          data={[
            { value: 'latest', label: 'The last one is made' },
            { value: 'all', label: 'All are made, in order' },
            { value: 'none', label: 'None is made' },
          ]}
        />
        <TimeInput label="Until (optional)" value={until} onChange={(until) => change({ until })} />
        <NumberInput
          label="Times (optional)"
          min={1}
          max={1_000_000}
          allowDecimal={false}
          value={count}
          onChange={(count) => change({ count })}
        />
        <TextInput
          label="Comment (optional)"
          maxLength={2000}
          value={comment}
          onChange={({ currentTarget }) => change({ comment: currentTarget.value })}
        />
      </div>
      <Ahead draft={draft} />
    </Stack>
  )
}

const PREVIEW = '/api/admin/flags/{flagKey}/recurrences/preview'
const LOOK_AFTER_MS = 250

function Ahead({ draft }: { draft: RecurrenceDraft }) {
  const params = useFlagAddress()
  const { until, count, ...rule } = bodyOf(draft).recurrence
  const body = JSON.stringify({ recurrence: { ...rule, ...(until && { until }), ...(count && { count }) } })
  const [asked] = useDebouncedValue(body, LOOK_AFTER_MS)
  const { data, error } = useQuery({
    queryKey: [PREVIEW, params, asked],
    queryFn: async ({ signal }) =>
      (await client.POST(PREVIEW, { params, body: JSON.parse(asked) as { recurrence: typeof rule }, signal })).data,
    enabled: asked === body,
    placeholderData: keepPreviousData,
  })
  return (
    <section aria-label="Its next occurrences" aria-live="polite" className={`panel ${classes.effect}`}>
      <Text size="sm" fw={600}>
        Next, by your clock and UTC
      </Text>
      {error ? <ErrorPanel error={error} /> : data && <Occurrences of={data} />}
    </section>
  )
}
