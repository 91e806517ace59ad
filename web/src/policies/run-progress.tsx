import { Group, Progress, Text } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { Section } from '../components/page.tsx'
import { Tile, Tiles } from '../components/tiles.tsx'
import { period } from '../components/time.ts'
import { percent } from './percent.ts'
import classes from './policies.module.css'

const COLORS = { running: 'blue', success: 'teal', promoted: 'teal', failed: 'red', cancelled: 'gray' }
const count = (items: number) => items.toLocaleString('en')

/** How far a run is, how fast, and what it found. */
export function RunProgress({ run }: { run: schemas['PolicyRun'] }) {
  const { status, processed, handedOver, totalReadySnapshot, progress, ratePerSecond, etaSeconds, delayMs } = run
  const running = status === 'running'
  const figures: [name: string, value: string, about?: string][] = [
    ['Eligible', count(run.eligible)],
    ['Ineligible', count(run.ineligible)],
    ['Pending', count(run.pending)],
    ['Errors', count(run.errors)],
    ['Coverage', percent(run.coverage)],
    ...(handedOver > 0 ? [['Handed over', count(handedOver), 'changed meanwhile'] as [string, string, string]] : []),
    ...(running && ratePerSecond !== null
      ? [['Rate', `${count(Math.round(ratePerSecond))}/s`] as [string, string]]
      : []),
    ...(running && etaSeconds !== null ? [['Ends in about', period(etaSeconds)] as [string, string]] : []),
  ]
  return (
    <Section title="Progress">
      <div className={`panel ${classes.progress}`}>
        <Group justify="space-between" gap="xs" mb={6}>
          <span className="figure">
            {totalReadySnapshot === null
              ? 'Waiting until every writer knows of the version'
              : `${count(processed)} / ${count(totalReadySnapshot)} items`}
          </span>
          <span className="figure">{percent(progress)}</span>
        </Group>
        <Progress value={progress * 100} color={COLORS[status]} aria-label="Progress of the run" />
        {running && run.kind === 'prepare' && (
          <Text size="xs" className="quiet figure" mt={6}>
            {run.parallelism} side by side, batches of {count(run.batchSize)}
            {delayMs > 0 && `, ${delayMs} ms of pause after each`}
          </Text>
        )}
      </div>
      <Tiles>
        {figures.map(([name, value, about]) => (
          <Tile key={name} name={about ? `${name}, ${about}` : name} bad={name === 'Errors' && run.errors > 0}>
            {value}
          </Tile>
        ))}
      </Tiles>
    </Section>
  )
}
