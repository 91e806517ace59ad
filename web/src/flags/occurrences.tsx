import { Text } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { utc } from '../components/time.ts'
import classes from './flag-page.module.css'
import { inWords } from './wall-clock.ts'

/** When something occurs, by the clock of the user and UTC, and what a change of clocks does to it. */
export function Occurrences({ of }: { of: schemas['Occurrence'][] }) {
  if (of.length === 0) return <span className="quiet">None</span>
  return (
    <ol className={`figure ${classes.plain}`}>
      {of.map(({ at, remark }) => (
        <li key={at}>
          {inWords(at)}{' '}
          <Text span size="xs" className="quiet">
            {utc(at)}
          </Text>
          {remark && (
            <Text size="xs" fw={600}>
              {remark}
            </Text>
          )}
        </li>
      ))}
    </ol>
  )
}
