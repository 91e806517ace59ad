import { ActionIcon, Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { client } from '../api/client.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import { Answer } from './answer.tsx'
import { useFlagAddress } from './flag-address.ts'
import classes from './flag-page.module.css'
import { TimeInput } from './time-input.tsx'
import { readWallClock } from './wall-clock.ts'

const EVALUATE = '/api/admin/flags/{flagKey}/evaluate'

interface Field {
  id: number
  name: string
  value: string
}

/** What the flag is for a user, and why; asked again when something changes. */
export function Evaluate() {
  const params = useFlagAddress()
  const [fields, setFields] = useState<Field[]>([{ id: 0, name: 'userId', value: '' }])
  const [at, setAt] = useState('')
  const [body, setBody] = useState<{ context: Record<string, string>; at?: string }>()
  const { data, error, refetch } = useQuery({
    queryKey: [EVALUATE, params, body],
    queryFn: async ({ signal }) =>
      (await client.POST(EVALUATE, { params, body: body ?? { context: {} }, signal })).data,
    enabled: body !== undefined,
  })
  const change = (id: number, changed: Partial<Field>) =>
    setFields(fields.map((field) => (field.id === id ? { ...field, ...changed } : field)))
  return (
    <Section title="What would this user see?">
      <div className={`panel ${classes.panel}`}>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            const instant = readWallClock(at)?.at.toISOString()
            const given = fields.filter(({ name, value }) => name !== '' && value !== '')
            const context = Object.fromEntries(given.map(({ name, value }) => [name, value]))
            setBody({ context, ...(instant && { at: instant }) })
          }}
        >
          <Stack gap="sm">
            <fieldset className={classes.context}>
              <Text component="legend" size="sm" fw={500}>
                Context
              </Text>
              <Text size="xs" className="quiet" mb={6}>
                What the application says of the user. Without a value, a field is left out.
              </Text>
              <Stack gap={6}>
                {fields.map(({ id, name, value }, place) => (
                  <div key={id} className={classes.fields}>
                    <TextInput
                      size="xs"
                      aria-label={`Field ${place + 1}`}
                      placeholder="Field, such as email"
                      value={name}
                      onChange={({ currentTarget }) => change(id, { name: currentTarget.value })}
                    />
                    <TextInput
                      size="xs"
                      aria-label={`Value of ${name || `field ${place + 1}`}`}
                      placeholder="Value"
                      value={value}
                      onChange={({ currentTarget }) => change(id, { value: currentTarget.value })}
                    />
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label={`Remove ${name || `field ${place + 1}`}`}
                      onClick={() => setFields(fields.filter((field) => field.id !== id))}
                    >
                      ×
                    </ActionIcon>
                  </div>
                ))}
              </Stack>
            </fieldset>
            <div className={classes.context}>
              <TimeInput label="At (now when empty), past or future" value={at} onChange={setAt} />
            </div>
            <Group gap="xs">
              <Button type="submit" size="xs">
                Ask
              </Button>
              <Button
                size="xs"
                variant="default"
                onClick={() => setFields([...fields, { id: (fields.at(-1)?.id ?? 0) + 1, name: '', value: '' }])}
              >
                Add a field
              </Button>
            </Group>
          </Stack>
        </form>
        {error && <ErrorPanel error={error} retry={refetch} />}
        {body && (data ? <Answer of={data} /> : !error && <Loading rows={2} />)}
      </div>
    </Section>
  )
}
