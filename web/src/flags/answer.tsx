import { Group, Stack, Text } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { Status } from '../components/status.tsx'
import { utc } from '../components/time.ts'
import { ConstraintText } from './constraint.tsx'
import classes from './flag-page.module.css'
import { nameOf } from './strategy-draft.ts'
import { inWords } from './wall-clock.ts'

type Explanation = schemas['Explanation']
type Strategy = Explanation['strategies'][number]
type Constraint = Strategy['constraints'][number]

const BECAUSE: Record<Explanation['reason'], string> = {
  'not-found': 'There is no such flag.',
  disabled: 'The flag is off.',
  dependency: 'A flag that it depends on is not as it should be.',
  rollout: 'The rollout of the flag leaves this user out.',
  'no-strategies': 'It is on, and has no strategies that could leave anybody out.',
  strategy: 'One of its strategies matches.',
  'no-match': 'None of its strategies matches.',
}

/** What a flag is for a context, and everything that led to it. */
export function Answer({ of }: { of: Explanation }) {
  const { enabled, reason, variant, payload, choice, rollout, dependencies, strategies, strategyId } = of
  return (
    <Stack gap="sm" mt="sm" className={classes.answer} aria-live="polite">
      <Group gap="sm">
        <Text fw={600} component="div">
          <Status of={enabled ? 'on' : 'off'} />
        </Text>
        <Text size="sm">{BECAUSE[reason]}</Text>
        {!of.at && (
          <Text size="xs" className="quiet figure">
            configuration {of.configurationRevision}
          </Text>
        )}
      </Group>
      {of.at && (
        <Text size="sm">
          <b>
            {inWords(of.at)} · {utc(of.at)}
          </b>
          {of.certain
            ? ': what it was, by the audit trail.'
            : ': as pending schedules and recurrences will have made it. What release plans and change requests will do is not counted in.'}
        </Text>
      )}
      {enabled && variant !== 'disabled' && (
        <Text size="sm">
          Variant <b>{variant}</b>
          {choice?.from === 'override' && ', by an override'}
          {choice?.bucket != null && `, bucket ${choice.bucket} of ${choice.totalWeight} by ${choice.stickiness}`}
          {payload && (
            <>
              , with <span className="mono">{payload.value}</span>
            </>
          )}
        </Text>
      )}
      {dependencies.map(({ flagKey, matched, problem, actual }) => (
        <Part key={flagKey} matched={matched}>
          Depends on <span className="mono">{flagKey}</span>, which is{' '}
          {problem ?? (actual?.enabled ? `on, ${actual.variant}` : 'off')}
        </Part>
      ))}
      {rollout && (
        <Part matched={rollout.matched}>
          <b>Rollout of the flag:</b> <RolloutText of={rollout} />
        </Part>
      )}
      {strategies.map((strategy) => (
        <StrategyPart key={strategy.id} strategy={strategy} chosen={strategy.id === strategyId} />
      ))}
    </Stack>
  )
}

function StrategyPart({ strategy, chosen }: { strategy: Strategy; chosen: boolean }) {
  const { name, title, disabled, matched, constraints, segments, rollout, problem } = strategy
  return (
    <div className={classes.strategy} data-matched={matched || undefined}>
      <Part matched={matched}>
        <b>{nameOf({ name, title })}</b>
        {disabled && ', which is disabled'}
        {chosen && ', which decides'}
      </Part>
      {problem && <Text size="sm">{problem}</Text>}
      {constraints.map((constraint) => (
        <ConstraintPart key={JSON.stringify(constraint)} constraint={constraint} />
      ))}
      {segments.map((segment) => (
        <div key={segment.key}>
          <Part matched={segment.matched}>
            Segment <span className="mono">{segment.key}</span> {segment.problem}
          </Part>
          {segment.constraints.map((constraint) => (
            <ConstraintPart key={JSON.stringify(constraint)} constraint={constraint} />
          ))}
        </div>
      ))}
      {rollout && (
        <Part matched={rollout.matched}>
          <RolloutText of={rollout} />
        </Part>
      )}
    </div>
  )
}

function ConstraintPart({ constraint }: { constraint: Constraint }) {
  const { actual, problem, matched } = constraint
  return (
    <Part matched={matched}>
      <ConstraintText of={constraint} />;{' '}
      {actual === null ? (
        'the context does not have it'
      ) : (
        <>
          it is <span className="mono">{actual}</span>
        </>
      )}
      {problem && `. ${problem}`}
    </Part>
  )
}

function RolloutText({ of }: { of: NonNullable<Explanation['rollout']> }) {
  const { percentage, stickiness, value, bucket } = of
  if (bucket === null) return `${percentage} % by ${stickiness}, which the context does not have`
  const who = value === null ? '' : ` ${value}`
  return `${percentage} % by ${stickiness}:${who} is in bucket ${bucket} of 100; up to ${percentage} are in`
}

function Part({ matched, children }: { matched: boolean; children: React.ReactNode }) {
  return (
    <Text size="sm" component="div">
      <Group gap="sm" wrap="nowrap" align="baseline">
        <span className={classes.verdict}>
          <Status of={matched ? 'matches' : 'no-match'} />
        </span>
        <span>{children}</span>
      </Group>
    </Text>
  )
}
