import { Button, Checkbox, Group, Stack, Text, Textarea, Tooltip } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { client, newIdempotencyKey } from '../api/client.ts'
import { queryClient } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { useReadOnly } from '../api/session.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Section } from '../components/page.tsx'
import { When } from '../components/when.tsx'
import classes from './patches.module.css'
import { whyOver } from './words.ts'

type Gameplan = schemas['Gameplan']
type Criterion = Gameplan['criteria'][number]
type Question = Gameplan['questions'][number]

const header = () => ({ 'idempotency-key': newIdempotencyKey() })

/** What has to be so before it is complete, to be ticked. */
export function Criteria({ gameplan }: { gameplan: Gameplan }) {
  const { criteria } = gameplan
  if (criteria.length === 0) return null
  return (
    <Section title={`Acceptance criteria, ${doneOf(criteria)}`}>
      <div className={`panel ${classes.box}`}>
        {criteria.map((criterion) => (
          <CriterionBox key={criterion.number} gameplan={gameplan} criterion={criterion} />
        ))}
      </div>
    </Section>
  )
}

function doneOf(gates: { done: boolean }[]): string {
  return `${gates.filter(({ done }) => done).length} of ${gates.length}`
}

function useWhyNot(gameplan: Gameplan): string | undefined {
  return useReadOnly() ?? whyOver(gameplan)
}

function CriterionBox({ gameplan, criterion }: { gameplan: Gameplan; criterion: Criterion }) {
  const { number, text, done, doneAt, doneBy } = criterion
  const why = useWhyNot(gameplan)
  const change = useMutation({
    mutationFn: () =>
      client.POST(`/api/admin/gameplans/{id}/criteria/{number}/${done ? 'uncheck' : 'check'}`, {
        params: { path: { id: gameplan.id, number }, header: header() },
      }),
    onSettled: () => queryClient.invalidateQueries(),
  })
  return (
    <div>
      <Tooltip label={why} disabled={!why} multiline maw={280} events={{ hover: true, focus: true, touch: true }}>
        <Checkbox
          label={text}
          description={done ? <Done at={doneAt} by={doneBy} /> : undefined}
          checked={done}
          // Not `disabled`: what is disabled has no focus, and so no way to tell why.
          aria-disabled={why !== undefined || change.isPending || undefined}
          aria-description={why}
          onChange={() => !why && !change.isPending && change.mutate()}
        />
      </Tooltip>
      {change.error && <ErrorPanel error={change.error} />}
    </div>
  )
}

function Done({ at, by }: { at: string | null; by: string | null }) {
  if (!at || !by) return 'Ticked in the document'
  return (
    <>
      {by} <When at={at} as="relative" />
    </>
  )
}

/** What has to be decided before it is complete, to be answered. */
export function Questions({ gameplan }: { gameplan: Gameplan }) {
  const { questions } = gameplan
  if (questions.length === 0) return null
  return (
    <Section title={`Open questions, ${doneOf(questions)} answered`}>
      <div className={`panel ${classes.box}`}>
        {questions.map((question) => (
          <QuestionBox key={question.number} gameplan={gameplan} question={question} />
        ))}
      </div>
    </Section>
  )
}

function QuestionBox({ gameplan, question }: { gameplan: Gameplan; question: Question }) {
  const { number, text, done, doneAt, doneBy, answer } = question
  const [typed, setTyped] = useState('')
  const why = useWhyNot(gameplan)
  const path = { id: gameplan.id, number }
  const change = useMutation({
    mutationFn: () =>
      done
        ? client.POST('/api/admin/gameplans/{id}/questions/{number}/reopen', { params: { path, header: header() } })
        : client.POST('/api/admin/gameplans/{id}/questions/{number}/answer', {
            params: { path, header: header() },
            body: { answer: typed.trim() },
          }),
    onSuccess: () => setTyped(''),
    onSettled: () => queryClient.invalidateQueries(),
  })
  const blocked = why ?? (!done && typed.trim() === '' ? 'There is no answer yet.' : undefined)
  return (
    <Stack gap={6}>
      <Text size="sm">{text}</Text>
      {done ? (
        <Text size="sm" className="quiet">
          {answer && `${answer} · `}
          <Done at={doneAt} by={doneBy} />
        </Text>
      ) : (
        <Textarea
          size="xs"
          autosize
          minRows={1}
          maxLength={2000}
          aria-label={`Answer to: ${text}`}
          placeholder="Answer"
          disabled={why !== undefined}
          value={typed}
          onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        />
      )}
      <Group gap="xs">
        <Tooltip
          label={blocked}
          disabled={!blocked}
          multiline
          maw={280}
          events={{ hover: true, focus: true, touch: true }}
        >
          <Button
            size="compact-xs"
            variant="default"
            loading={change.isPending}
            data-disabled={blocked ? true : undefined}
            aria-disabled={blocked ? true : undefined}
            aria-description={blocked}
            aria-label={`${done ? 'Reopen' : 'Answer'}: ${text}`}
            onClick={() => !blocked && change.mutate()}
          >
            {done ? 'Reopen' : 'Answer'}
          </Button>
        </Tooltip>
      </Group>
      {change.error && <ErrorPanel error={change.error} />}
    </Stack>
  )
}
