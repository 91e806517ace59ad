import { Group, SegmentedControl, Text } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Section } from '../components/page.tsx'
import { useParam } from '../shell/address.ts'
import classes from './document.module.css'
import { type Finding, lintWords } from './findings.tsx'
import { Lines } from './lines.tsx'
import { Rendered } from './rendered.tsx'

const NONE: Finding[] = []

/** The document, as it is read or as it is written, with what is found in it in place; scrolled to `line`. */
export function DocumentPanel({ gameplan, line }: { gameplan: schemas['Gameplan']; line: number | undefined }) {
  const { id, markdown } = gameplan
  const { data: lint, error, refetch } = useRead('/api/admin/gameplans/{id}/lint', { path: { id } })
  const [form, setForm] = useParam('document')
  const panel = useRef<HTMLElement>(null)
  const asText = form === 'text'

  useEffect(() => {
    const place = panel.current?.querySelector<HTMLElement>(`[data-line="${line}"]`)
    // Only within the panel: the page stays where it is.
    if (panel.current && place) panel.current.scrollTop = place.offsetTop - 12
  }, [line])

  return (
    <Section
      title="Document"
      actions={
        <Group gap="sm">
          {lint && (
            <Text size="xs" className="quiet">
              {lintWords(lint)}
            </Text>
          )}
          <SegmentedControl
            size="xs"
            aria-label="How the document is shown"
            value={asText ? 'text' : ''}
            onChange={setForm}
            data={[
              { value: '', label: 'To read' },
              { value: 'text', label: 'Text' },
            ]}
          />
        </Group>
      }
    >
      {error && <ErrorPanel error={error} retry={refetch} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className={`panel ${classes.document}`} aria-label="Text of the document" tabIndex={0} ref={panel}>
        {asText ? (
          <div className={classes.source}>
            <Lines text={markdown} findings={lint?.findings ?? NONE} said />
          </div>
        ) : (
          <Rendered markdown={markdown} findings={lint?.findings ?? NONE} />
        )}
      </section>
    </Section>
  )
}
