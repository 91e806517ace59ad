import { List, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { readOptions } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Notice } from '../components/notice.tsx'
import { When } from '../components/when.tsx'

const READ = 100
const NAMED = 5

/** What is to happen in an environment within a time: what a freeze would hold, or leave as it is. */
export function Overlap({
  environment,
  from,
  to,
  mode,
}: Pick<schemas['Freeze'], 'environment' | 'mode'> & { from: Date; to: Date }) {
  const [dueFrom, dueTo] = [from.toISOString(), to.toISOString()]
  const schedules = useQuery(
    readOptions('/api/admin/schedules', { query: { environment, status: 'pending', dueFrom, dueTo, limit: READ } }),
  )
  const plans = useQuery(
    readOptions('/api/admin/release-plans', {
      query: { environment, status: 'running', dueBefore: dueTo, limit: READ },
    }),
  )
  const error = schedules.error ?? plans.error
  if (error) return <ErrorPanel error={error} />
  if (!schedules.data || !plans.data) return <Text size="sm">Looking what is due then …</Text>
  const held = plans.data.filter(({ nextAt }) => nextAt !== null && nextAt >= dueFrom)
  if (schedules.data.length === 0 && held.length === 0) {
    return (
      <Text size="sm" className="quiet" role="status">
        Nothing is due then: no pending schedule and no milestone.
      </Text>
    )
  }
  return (
    <Notice title="Due inside it">
      <Stack gap={4}>
        {schedules.data.length > 0 && (
          <Due
            of={`${many(schedules.data.length, 'pending schedule')}: ${mode === 'defer' ? 'put off to its end' : 'left as planned, and applied'}`}
            rows={schedules.data.map(({ id, flagKey, scheduledAt }) => ({ id, flagKey, at: scheduledAt }))}
          />
        )}
        {held.length > 0 && (
          <Due
            of={`${many(held.length, 'milestone')}: wait for its end`}
            rows={held.map(({ id, flagKey, nextAt }) => ({ id, flagKey, at: nextAt as string }))}
          />
        )}
      </Stack>
    </Notice>
  )
}

function many(count: number, what: string): string {
  return `${count}${count === READ ? ' or more' : ''} ${what}${count === 1 ? '' : 's'}`
}

function Due({ of, rows }: { of: ReactNode; rows: { id: string; flagKey: string; at: string }[] }) {
  return (
    <div>
      <Text size="sm">{of}</Text>
      <List size="sm">
        {rows.slice(0, NAMED).map(({ id, flagKey, at }) => (
          <List.Item key={id}>
            <span className="mono">{flagKey}</span> <When at={at} />
          </List.Item>
        ))}
        {rows.length > NAMED && <List.Item>and {rows.length - NAMED} more</List.Item>}
      </List>
    </div>
  )
}
