import type { schemas } from '../api/schema.ts'
import { type Step, Steps } from '../components/steps.tsx'
import { period } from '../components/time.ts'
import { When } from '../components/when.tsx'
import { cohortWords } from './words.ts'

type Migration = schemas['AccountMigration']

/** The cohorts in their order: those that have moved, the one under way, and what the next one waits for. */
export function CohortLine({ migration }: { migration: Migration }) {
  const { cohorts, status } = migration
  return (
    <Steps
      label="Cohorts in their order"
      paused={status === 'paused' || status === 'halted'}
      steps={cohorts.map((cohort, index) => {
        const place = index + 1
        return {
          key: place,
          name: `${place}. ${cohortWords(cohort)}`,
          status: stateOf(migration, place),
          moment: <Moment migration={migration} place={place} />,
        }
      })}
    />
  )
}

function stateOf({ cohort: current, status, direction }: Migration, place: number): Step['status'] {
  if (place > current) return 'waiting'
  if (status === 'stopped' && (direction === 'back' || place === current)) return 'waiting'
  if (direction === 'back') return status === 'rolled-back' ? 'done' : 'running'
  return place < current || status === 'done' ? 'done' : 'running'
}

function Moment({ migration, place }: { migration: Migration; place: number }) {
  const { cohort: current, status, direction, nextAt, pauseBetween } = migration
  if (place > current && (direction === 'back' || status === 'stopped')) return 'Was not begun'
  if (direction === 'back') {
    if (status === 'stopped') return 'Stopped on its way back'
    return status === 'rolled-back' ? 'Taken back' : 'Goes back'
  }
  if (place < current || status === 'done') return 'Moved'
  if (status === 'stopped') return 'Stopped here'
  if (place > current) return pauseBetween > 0 ? `${period(pauseBetween)} after the one before` : 'After the one before'
  if (status === 'paused') return 'Paused here'
  if (status === 'halted') return 'Halted here'
  if (nextAt) {
    return (
      <>
        Begins <When at={nextAt} as="relative" />, at <When at={nextAt} />
      </>
    )
  }
  return 'Moving'
}
