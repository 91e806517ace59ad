import { Group, Stack, Text } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { type ReactNode, useMemo, useRef, useState } from 'react'
import { drawnGraph, patchNodes } from '../../../domain/gameplan/graph.ts'
import { parseGameplan } from '../../../domain/gameplan/parse.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import classes from './document.module.css'
import { type Finding, Findings } from './findings.tsx'
import { Graph, Legend } from './graph.tsx'
import { Lines } from './lines.tsx'
import { useLint } from './use-lint.ts'

const LINT_AFTER_MS = 400
const NONE: Finding[] = []

/** What an editor has of a document. */
export interface Draft {
  markdown: string
  /** What it says, read in the browser by the parser of the API. */
  plan: ReturnType<typeof parseGameplan>
  /** Why it cannot be kept; undefined: it can. */
  blocked: string | undefined
}

/** Writes a gameplan: its text with a mark at each line that something is found on, what is found, and its graph. */
export function DocumentEditor({
  begun,
  actions,
  children,
}: {
  begun: string
  actions: (draft: Draft) => ReactNode
  /** What else there is to say about it, above what is found. */
  children?: (draft: Draft) => ReactNode
}) {
  const [markdown, setMarkdown] = useState(begun)
  const [settled] = useDebouncedValue(markdown, LINT_AFTER_MS)
  const input = useRef<HTMLTextAreaElement>(null)
  const area = useRef<HTMLDivElement>(null)
  const { data: lint, error, refetch, isPlaceholderData } = useLint(settled)
  const plan = useMemo(() => parseGameplan(settled), [settled])
  const graph = useMemo(() => drawnGraph(patchNodes(plan)), [plan])
  const judged = lint !== undefined && settled === markdown && !isPlaceholderData
  const draft: Draft = { markdown, plan, blocked: whyNot(markdown, judged ? lint.obstacles : undefined) }

  const show = ({ start, end }: Finding['range']) => {
    area.current?.querySelector(`[data-line="${start.line}"]`)?.scrollIntoView({ block: 'center' })
    input.current?.focus({ preventScroll: true })
    input.current?.setSelectionRange(start.offset, end.offset)
  }

  return (
    <div className={classes.editor}>
      <Stack gap="xs">
        <Group justify="space-between" gap="sm">
          <Text component="label" htmlFor="gameplan-markdown" size="sm" fw={600}>
            Markdown
          </Text>
          <Group gap="xs">{actions(draft)}</Group>
        </Group>
        <div className={`panel ${classes.area}`} ref={area}>
          <div className={classes.sheet}>
            <div aria-hidden="true">
              <Lines text={markdown} findings={lint?.findings ?? NONE} said={false} />
            </div>
            <textarea
              id="gameplan-markdown"
              ref={input}
              className={classes.input}
              spellCheck={false}
              value={markdown}
              onChange={({ currentTarget }) => setMarkdown(currentTarget.value)}
            />
          </div>
        </div>
      </Stack>
      <Stack gap="md">
        {children?.(draft)}
        {error && <ErrorPanel error={error} retry={refetch} />}
        {lint ? <Findings lint={lint} show={({ range }) => show(range)} /> : !error && <Loading rows={3} />}
        {graph.patches.length > 0 && (
          <Section title="Graph">
            <div className="panel">
              <Graph
                graph={graph}
                select={(id) => {
                  const heading = plan.patches.find((patch) => patch.id.value === id)?.heading
                  if (heading) show(heading)
                }}
              />
              <Legend graph={graph} />
            </div>
          </Section>
        )}
      </Stack>
    </div>
  )
}

function whyNot(markdown: string, obstacles: string[] | undefined): string | undefined {
  if (markdown.trim() === '') return 'There is nothing written yet.'
  if (!obstacles) return 'The document is being judged.'
  return obstacles.length > 0 ? `It cannot be run before this is mended: ${obstacles.join(', ')}.` : undefined
}
