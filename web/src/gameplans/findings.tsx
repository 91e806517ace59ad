import { Stack, Text, UnstyledButton } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { Status } from '../components/status.tsx'
import classes from './findings.module.css'
import { counted } from './words.ts'

type Lint = schemas['GameplanLint']
export type Finding = schemas['GameplanFinding']

const WORST = ['error', 'warning', 'info'] as const

/** `1 error, 2 warnings, 3 notes`; `Nothing to object to` */
export function lintWords({ errors, warnings, infos }: Pick<Lint, 'errors' | 'warnings' | 'infos'>): string {
  const parts: [number, string][] = [
    [errors, 'error'],
    [warnings, 'warning'],
    [infos, 'note'],
  ]
  const found = parts.filter(([many]) => many > 0).map(([many, what]) => counted(many, what))
  return found.join(', ') || 'Nothing to object to'
}

/** The worst severity of some findings. */
export function worstOf(findings: Finding[]): Finding['severity'] | undefined {
  return WORST.find((severity) => findings.some((finding) => finding.severity === severity))
}

/** Findings by the line on which they begin. */
export function byLine(findings: Finding[]): Map<number, Finding[]> {
  return Map.groupBy(findings, ({ range }) => range.start.line)
}

/** What was found, in the order of the text; a click goes there. */
export function Findings({ lint, show }: { lint: Lint; show: (finding: Finding) => void }) {
  const { findings, heldBack, obstacles } = lint
  return (
    <section className={`panel ${classes.findings}`} aria-label="Findings">
      <Text size="sm" fw={600} className={classes.sum} role="status">
        {lintWords(lint)}
        <Text span size="xs" fw={400} className="quiet">
          {obstacles.length > 0
            ? ` · it cannot be run: ${obstacles.join(', ')}`
            : findings.length > 0
              ? ' · none of it keeps it from being run'
              : ' · it can be run'}
        </Text>
      </Text>
      {findings.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section className={classes.scroll} aria-label="Findings in the order of the text" tabIndex={0}>
          {findings.map((finding) => (
            <UnstyledButton
              key={`${finding.rule} ${finding.range.start.offset} ${finding.message}`}
              className={classes.finding}
              onClick={() => show(finding)}
            >
              <span className={`figure quiet ${classes.at}`}>{finding.range.start.line}</span>
              <Stack gap={0}>
                <Said finding={finding} />
                <Text size="xs" className="quiet">
                  {finding.hint}
                </Text>
              </Stack>
            </UnstyledButton>
          ))}
        </section>
      )}
      {heldBack.length > 0 && (
        <Text size="xs" className={`quiet ${classes.held}`} title={heldBack.join(', ')}>
          {counted(heldBack.length, 'rule')} cannot judge before what is read for it is filled in.
        </Text>
      )}
    </section>
  )
}

/** Severity, what is wrong, and which rule says so. */
export function Said({ finding: { severity, message, rule, ticked } }: { finding: Finding }) {
  return (
    <Text size="xs" component="span">
      <Status of={severity} /> {message} <span className="mono quiet">{rule}</span>
      {ticked && <span className="quiet"> · ticked in the checklist</span>}
    </Text>
  )
}
