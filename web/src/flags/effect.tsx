import { Table, Text, Textarea } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { client } from '../api/client.ts'
import type { paths, schemas } from '../api/schema.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Status } from '../components/status.tsx'
import classes from './fields.module.css'
import { useFlagAddress } from './flag-address.ts'

const PREVIEW = '/api/admin/flags/{flagKey}/preview'
const LOOK_AFTER_MS = 300

type Body = paths[typeof PREVIEW]['post']['requestBody']['content']['application/json']
/** What the flag would be; what is not named is as it is. */
export type FlagDraft = Omit<Body, 'contexts'>
type Verdict = schemas['Comparison']['before']

const SAMPLE = Array.from({ length: 20 }, (_, i) => `userId=user-${i + 1}`).join('\n')
const MOST = 200

/** What an edit means for some users: asked of the API, which evaluates the flag as it is and as it would be. */
export function Effect({ draft }: { draft: FlagDraft }) {
  const params = useFlagAddress()
  const [sample, setSample] = useState(SAMPLE)
  const constraints = draft.strategies?.flatMap(({ constraints = [] }) => constraints) ?? []
  const asks = new Set(constraints.flatMap(({ contextName }) => contextName || []))
  const lines = sample.split('\n').filter((line) => line.trim() !== '')
  const contexts = lines.slice(0, MOST).map(contextOf)
  const body = JSON.stringify({ ...draft, contexts })
  const [asked] = useDebouncedValue(body, LOOK_AFTER_MS)
  const { data, error } = useQuery({
    queryKey: [PREVIEW, params, asked],
    queryFn: async ({ signal }) =>
      (await client.POST(PREVIEW, { params, body: JSON.parse(asked) as Body, signal })).data,
    enabled: contexts.length > 0 && asked === body,
    placeholderData: keepPreviousData,
  })
  const compared = data && data.length === contexts.length ? data : []
  const changed = compared.filter(({ before, after }) => textOf(before) !== textOf(after)).length
  return (
    <section aria-label="What it means for some users" className={`panel ${classes.effect}`}>
      <Text size="sm" fw={600} role="status">
        {compared.length === 0
          ? 'What it means for some users'
          : `Of ${compared.length} users, ${changed === 0 ? 'nobody gets' : changed === 1 ? '1 gets' : `${changed} get`} something else: on for ${onFor(compared, 'before')} before, ${onFor(compared, 'after')} after`}
      </Text>
      {error?.code === 'validation-failed' ? (
        <Text size="sm" className="quiet">
          Not said yet: {error.message}
        </Text>
      ) : (
        error && <ErrorPanel error={error} />
      )}
      <div className={classes.columns}>
        <Textarea
          size="xs"
          mt={4}
          label="The users, one a line"
          description={`Such as userId=alice, plan=pro${asks.size > 0 ? `; constraints ask for ${[...asks].join(', ')}` : ''}`}
          autosize
          minRows={4}
          maxRows={10}
          classNames={{ input: 'mono' }}
          value={sample}
          onChange={({ currentTarget }) => setSample(currentTarget.value)}
        />
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <section className={classes.verdicts} aria-label="Before and after, by user" tabIndex={0}>
          <Table verticalSpacing={2} fz="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>User</Table.Th>
                <Table.Th>Before</Table.Th>
                <Table.Th>After</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {compared.map(({ before, after }, place) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a line may be there twice
                <Table.Tr key={place} className={textOf(before) === textOf(after) ? undefined : classes.changed}>
                  <Table.Td className="mono">{lines[place]}</Table.Td>
                  <Table.Td>
                    <Got verdict={before} />
                  </Table.Td>
                  <Table.Td>
                    <Got verdict={after} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </section>
      </div>
    </section>
  )
}

function Got({ verdict: { enabled, variant } }: { verdict: Verdict }) {
  return (
    <>
      <Status of={enabled ? 'on' : 'off'} />
      {enabled && variant !== 'disabled' && ` ${variant}`}
    </>
  )
}

const textOf = ({ enabled, variant }: Verdict) => `${enabled} ${variant}`

const onFor = (compared: schemas['Comparison'][], side: 'before' | 'after') =>
  compared.filter((each) => each[side].enabled).length

/** `userId=alice, plan=pro`; a line without `=` is a user's id. */
function contextOf(line: string): Record<string, string> {
  if (!line.includes('=')) return { userId: line.trim() }
  return Object.fromEntries(
    line.split(',').map((part) => {
      const [name = '', ...value] = part.split('=')
      return [name.trim(), value.join('=').trim()]
    }),
  )
}
