import { memo, useMemo } from 'react'
import classes from './document.module.css'
import { byLine, type Finding, Said, worstOf } from './findings.tsx'

const NONE: Finding[] = []

/**
 * A text line by line, with its numbers and a mark at each line that something is found on. `said`: what was found is
 * written beneath the line; else the lines are only the ground on which an editor writes.
 */
export function Lines({ text, findings, said }: { text: string; findings: Finding[]; said: boolean }) {
  const found = useMemo(() => byLine(findings), [findings])
  return text.split(/\r\n|\r|\n/).map((line, place) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the place is what a line is known by
    <Line key={place} number={place + 1} line={line} found={found.get(place + 1) ?? NONE} said={said} />
  ))
}

// Each key that is typed draws all lines again, and there may be thousands.
const Line = memo(function Line({
  number,
  line,
  found,
  said,
}: {
  number: number
  line: string
  found: Finding[]
  said: boolean
}) {
  return (
    <div className={classes.line} data-line={number} data-severity={worstOf(found)}>
      <span
        className={`figure ${classes.number}`}
        title={
          said ? undefined : found.map(({ severity, message }) => `${severity}: ${message}`).join('\n') || undefined
        }
      >
        {number}
      </span>
      <span className={classes.text} data-ground={!said || undefined}>
        {line || ' '}
        {said && <Notes findings={found} />}
      </span>
    </div>
  )
})

/** What was found, beneath where it was found. */
export function Notes({ findings }: { findings: Finding[] }) {
  return findings.map((finding) => (
    <span
      key={`${finding.rule} ${finding.range.start.offset} ${finding.message}`}
      className={classes.note}
      data-severity={finding.severity}
      title={finding.hint}
    >
      <Said finding={finding} />
    </span>
  ))
}
